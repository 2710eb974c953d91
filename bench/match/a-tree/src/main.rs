//! a-tree as a contestant of the bench. Arguments: the events, the rules, json or pairs. A command is a line of standard
//! input with a number of seconds; an answer is a line of JSON.
use a_tree::{ATree, AttributeDefinition, EventBuilder};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use std::{borrow::Cow, env, fmt, fs, io, time::Instant};

/// Between looks at the clock.
const CHUNK: u64 = 50;

/// The name in a-tree of an attribute that some rule asks for. Others must be left out: a-tree refuses what was not
/// declared before.
fn declared(name: &str) -> Option<&'static str> {
    Some(match name {
        "x-okapi-tenant" => "x_okapi_tenant",
        "method" => "method",
        "eventtype" => "eventtype",
        "modulename" => "modulename",
        "status" => "status",
        "interface" => "interface",
        "permission" => "permission",
        "x-okapi-user-id" => "x_okapi_user_id",
        "x-side-trace" => "x_side_trace",
        "route" => "route",
        "moduleid" => "moduleid",
        "topic" => "topic",
        "state" => "state",
        "x-wallet-id" => "x_wallet_id",
        _ => return None,
    })
}

const NAMES: [&str; 14] = [
    "x_okapi_tenant", "method", "eventtype", "modulename", "status", "interface", "permission", "x_okapi_user_id",
    "x_side_trace", "route", "moduleid", "topic", "state", "x_wallet_id",
];

/// Text out of JSON: copied only where it has escapes.
struct Text<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Text<'de>;
            fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                formatter.write_str("text")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Reader)
    }
}

/// Puts the attributes of a JSON object into an event as they are read, with nothing between.
struct IntoEvent<'b, 'a>(&'b mut EventBuilder<'a>);

impl<'de> Visitor<'de> for IntoEvent<'_, '_> {
    type Value = ();
    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("an object of texts")
    }
    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        while let Some((name, value)) = map.next_entry::<Text, Text>()? {
            if let Some(name) = declared(&name.0) {
                self.0.with_string(name, &value.0).expect("a declared attribute");
            }
        }
        Ok(())
    }
}

struct Contestant<'a> {
    tree: &'a ATree<usize>,
    texts: Vec<String>,
    /// Empty where JSON is matched.
    pairs: Vec<Vec<(String, String)>>,
    next: usize,
}

impl Contestant<'_> {
    fn matches(&mut self) -> u64 {
        let at = self.next;
        self.next = if at + 1 == self.texts.len() { 0 } else { at + 1 };
        let mut event = self.tree.make_event();
        if let Some(pairs) = self.pairs.get(at) {
            for (name, value) in pairs {
                if let Some(name) = declared(name) {
                    event.with_string(name, value).expect("a declared attribute");
                }
            }
        } else {
            let mut json = serde_json::Deserializer::from_str(&self.texts[at]);
            json.deserialize_map(IntoEvent(&mut event)).expect("an event as JSON");
        }
        let event = event.build().expect("an event");
        self.tree.search(&event).expect("an answer").matches().len() as u64
    }

    fn obey(&mut self, command: &str, seconds: f64) {
        let start = Instant::now();
        match command {
            "count" => {
                let (mut events, mut matches) = (0, 0);
                self.next = 0;
                while events < self.texts.len() && start.elapsed().as_secs_f64() < seconds {
                    matches += self.matches();
                    events += 1;
                }
                println!("{{\"events\":{events},\"matches\":{matches}}}");
            }
            "warm" => {
                while start.elapsed().as_secs_f64() < seconds {
                    self.matches();
                }
                println!("{{}}");
            }
            "rate" => {
                let mut events = 0;
                let mut passed = 0.0;
                while passed < seconds {
                    for _ in 0..CHUNK {
                        self.matches();
                    }
                    events += CHUNK;
                    passed = start.elapsed().as_secs_f64();
                }
                println!("{{\"events\":{events},\"seconds\":{passed:.6}}}");
            }
            "times" => {
                let mut times = Vec::with_capacity(self.texts.len());
                let mut from = Instant::now();
                while times.len() < self.texts.len() && start.elapsed().as_secs_f64() < seconds {
                    self.matches();
                    let to = Instant::now();
                    times.push((to - from).as_nanos() as f64 / 1e3);
                    from = to;
                }
                times.sort_by(f64::total_cmp);
                let (p50, p99) = (times[times.len() / 2], times[times.len() * 99 / 100]);
                println!("{{\"p50Us\":{p50:.3},\"p99Us\":{p99:.3}}}");
            }
            other => panic!("no such command: {other}"),
        }
    }
}

/// Resident memory: Rust has no heap to ask.
fn resident_bytes() -> i64 {
    let pages = fs::read_to_string("/proc/self/statm").expect("statm");
    pages.split(' ').nth(1).expect("resident").parse::<i64>().expect("a number") * 4096
}

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let lines = |file: &str| -> Vec<String> { fs::read_to_string(file).expect("a file").lines().map(String::from).collect() };
    let texts = lines(&arguments[0]);
    let rules = lines(&arguments[1]);
    let ids: Vec<usize> = (0..rules.len()).collect();
    let definitions: Vec<_> = NAMES.iter().map(|name| AttributeDefinition::string(name)).collect();
    let mut pairs = Vec::new();
    if arguments[2] == "pairs" {
        for text in &texts {
            let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(text).expect("JSON");
            pairs.push(object.into_iter().map(|(name, value)| (name, value.as_str().expect("text").to_owned())).collect());
        }
    }
    let before = resident_bytes();
    let start = Instant::now();
    let mut tree = ATree::new(&definitions).expect("a tree");
    for (id, rule) in ids.iter().zip(&rules) {
        tree.insert(id, rule).expect("a rule");
    }
    let mut contestant = Contestant { tree: &tree, texts, pairs, next: 0 };
    contestant.matches();
    let load_ms = start.elapsed().as_secs_f64() * 1e3;
    println!("{{\"loadMs\":{load_ms:.1},\"heapBytes\":{}}}", resident_bytes() - before);
    for line in io::stdin().lines() {
        let line = line.expect("a command");
        let (command, seconds) = line.split_once(' ').expect("a command and seconds");
        contestant.obey(command, seconds.parse().expect("seconds"));
    }
}
