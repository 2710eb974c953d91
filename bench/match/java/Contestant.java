import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import software.amazon.event.ruler.Machine;

/**
 * event-ruler as a contestant of the bench. Arguments: the events, the patterns, json or node, the name of the tenant's
 * attribute. A command is a line of standard input with a number of seconds; an answer is a line of JSON.
 */
public class Contestant {
  private static final String TENANT = "x-okapi-tenant";
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final long SECOND = 1_000_000_000;
  /** Between looks at the clock. */
  private static final int CHUNK = 50;

  private final Machine machine = Machine.builder().build();
  private final byte[][] texts;
  /** Null where texts are matched. */
  private final JsonNode[] nodes;
  private int next = 0;

  private Contestant(List<String> events, boolean parsed) throws Exception {
    texts = new byte[events.size()][];
    nodes = parsed ? new JsonNode[texts.length] : null;
    for (int at = 0; at < texts.length; at++) {
      texts[at] = events.get(at).getBytes(StandardCharsets.UTF_8);
      if (parsed) nodes[at] = JSON.readTree(texts[at]);
    }
  }

  public static void main(String[] arguments) throws Exception {
    List<String> events = Files.readAllLines(Path.of(arguments[0]));
    events.replaceAll(line -> line.replace(TENANT, arguments[3]));
    List<String[]> rules = new ArrayList<>();
    for (String line : Files.readAllLines(Path.of(arguments[1]))) {
      JsonNode rule = JSON.readTree(line.replace(TENANT, arguments[3]));
      for (int at = 1; at < rule.size(); at++) rules.add(new String[] {rule.get(0).asText(), rule.get(at).toString()});
    }
    Contestant contestant = new Contestant(events, arguments[2].equals("node"));
    long before = usedBytes();
    long start = System.nanoTime();
    for (String[] rule : rules) contestant.machine.addRule(rule[0], rule[1]);
    contestant.match();
    double loadMs = (System.nanoTime() - start) / 1e6;
    say("{\"loadMs\":%.1f,\"heapBytes\":%d}", loadMs, usedBytes() - before);
    BufferedReader commands = new BufferedReader(new InputStreamReader(System.in));
    for (String line = commands.readLine(); line != null; line = commands.readLine()) {
      String[] command = line.split(" ");
      contestant.obey(command[0], (long) (Double.parseDouble(command[1]) * SECOND));
    }
  }

  private void obey(String command, long nanoseconds) throws Exception {
    long start = System.nanoTime();
    switch (command) {
      case "count" -> {
        long matches = 0;
        int events = 0;
        for (next = 0; events < texts.length && System.nanoTime() - start < nanoseconds; events++) matches += match();
        say("{\"events\":%d,\"matches\":%d}", events, matches);
      }
      case "warm" -> {
        while (System.nanoTime() - start < nanoseconds) match();
        say("{}");
      }
      case "rate" -> {
        long events = 0;
        long passed = 0;
        for (; passed < nanoseconds; events += CHUNK) {
          for (int at = 0; at < CHUNK; at++) match();
          passed = System.nanoTime() - start;
        }
        say("{\"events\":%d,\"seconds\":%.6f}", events, passed / (double) SECOND);
      }
      case "times" -> {
        long[] times = new long[texts.length];
        int count = 0;
        for (long from = start; count < times.length && from - start < nanoseconds; count++) {
          match();
          long to = System.nanoTime();
          times[count] = to - from;
          from = to;
        }
        times = Arrays.copyOf(times, count);
        Arrays.sort(times);
        say("{\"p50Us\":%.3f,\"p99Us\":%.3f}", times[count / 2] / 1e3, times[(int) (count * 0.99)] / 1e3);
      }
      default -> throw new IllegalArgumentException(command);
    }
  }

  private int match() throws Exception {
    int at = next;
    next = at + 1 == texts.length ? 0 : at + 1;
    if (nodes != null) return machine.rulesForJSONEvent(nodes[at]).size();
    return machine.rulesForJSONEvent(new String(texts[at], StandardCharsets.UTF_8)).size();
  }

  private static long usedBytes() throws InterruptedException {
    // Once is not enough for all of it to be given back.
    for (int round = 0; round < 4; round++) {
      System.gc();
      Thread.sleep(40);
    }
    return Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
  }

  private static void say(String format, Object... values) {
    System.out.println(String.format(Locale.ROOT, format, values));
  }
}
