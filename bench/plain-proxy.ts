/** The least that a proxy on node:http can be: what the gateway's forwarding is measured against. */
import { Agent, createServer, request } from "node:http";

const [, , port = "0", upstream = ""] = process.argv;
const { hostname, port: upstreamPort } = new URL(upstream);
const agent = new Agent({ keepAlive: true });

createServer((incoming, outgoing) => {
  const { method, url, rawHeaders } = incoming;
  const onward = request({ agent, hostname, port: upstreamPort, method, path: url, headers: rawHeaders, setHost: false }, (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
    answer.pipe(outgoing);
  });
  onward.on("error", () => outgoing.destroy());
  incoming.pipe(onward);
}).listen(Number(port), "127.0.0.1", () => process.stdout.write("ready\n"));
