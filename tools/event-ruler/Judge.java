import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import software.amazon.event.ruler.Machine;

/**
 * Says which rules event-ruler finds for events. Each line of standard input is a case:
 * {"rules": [[id, pattern, ...], ...], "events": [event as JSON text, ...]}. Its answer is a line of JSON: a list of ids
 * per event, or {"error": text}. It ends with its input, so that it never outlives who asks.
 */
public class Judge {
  private static final ObjectMapper JSON = new ObjectMapper();

  public static void main(String[] arguments) throws Exception {
    BufferedReader cases = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    PrintStream answers = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    for (String line = cases.readLine(); line != null; line = cases.readLine()) {
      Object answer;
      try {
        answer = answer(JSON.readTree(line));
      } catch (Exception | StackOverflowError problem) {
        answer = JSON.createObjectNode().put("error", problem.toString());
      }
      answers.println(JSON.writeValueAsString(answer));
    }
  }

  private static List<List<String>> answer(JsonNode asked) throws Exception {
    Machine machine = Machine.builder().build();
    for (JsonNode rule : asked.get("rules")) {
      for (int at = 1; at < rule.size(); at++) machine.addRule(rule.get(0).asText(), rule.get(at).toString());
    }
    List<List<String>> found = new ArrayList<>();
    for (JsonNode event : asked.get("events")) found.add(machine.rulesForJSONEvent(event.asText()));
    return found;
  }
}
