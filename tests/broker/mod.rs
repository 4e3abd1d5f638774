//! Support for tests that need a real broker: Apache Kafka in one process, on free ports, with its data in a folder that
//! goes with it. It never outlives the test program, not even a killed one.

#![allow(dead_code, reason = "each test program uses a part")]
#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]
#![allow(clippy::disallowed_methods, reason = "tests wait for another process and are told where it lies")]

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};

/// The user who may do everything, and its password, where users are told apart.
pub(crate) const ADMIN: (&str, &str) = ("admin", "admin-secret");
/// How long a broker may take to start: it does in 3 s, but the machine may be busy.
const START: Duration = Duration::from_mins(2);
const PLAIN_LOGIN: &str = "org.apache.kafka.common.security.plain.PlainLoginModule required";
const CLUSTER: &str = "dHJ1dGhsaW5lLXRlc3RzMQ";

/// Runs the broker, its process id in a file. When the pipe from the test program closes, for whatever reason, the
/// broker dies and its folder goes; after the word `keep` the folder stays.
const KEEPER: &str = r#"folder="$1"; shift
"$@" >"$folder/out.log" 2>&1 </dev/null &
echo $! >"$folder/pid.new" && mv "$folder/pid.new" "$folder/pid"
read -r word
kill -KILL $! 2>/dev/null
wait $! 2>/dev/null
[ "$word" = keep ] || rm -rf "$folder"
"#;

/// Users who must log in and need rights; nothing is allowed unless [`Broker::allow`] says so.
#[derive(Clone, Debug)]
pub(crate) struct SaslAcl {
    /// Name and password of each user beside [`ADMIN`].
    pub(crate) users: Vec<(&'static str, &'static str)>,
}

/// A broker.
pub(crate) struct Broker {
    folder: PathBuf,
    bootstrap: String,
    keeper: Option<Child>,
    login: bool,
}

impl Broker {
    /// Starts a broker that lets everybody in.
    pub(crate) fn start() -> Self {
        Self::start_as(None)
    }

    /// Starts a broker with users and access rules.
    pub(crate) fn start_with(acl: &SaslAcl) -> Self {
        Self::start_as(Some(acl))
    }

    fn start_as(acl: Option<&SaslAcl>) -> Self {
        // Another process may take a port between its choice and its use.
        let mut last = String::new();
        for _ in 0..3 {
            let folder = tempfile::Builder::new().prefix("truthline-broker-").tempdir().unwrap().keep();
            let [port, controller] = free_ports();
            std::fs::write(folder.join("server.properties"), properties(&folder, port, controller, acl)).unwrap();
            let properties = folder.join("server.properties");
            let format = ["kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c", properties.to_str().unwrap()];
            let formatted = java(&format).output().unwrap();
            assert!(formatted.status.success(), "formatting failed: {}", String::from_utf8_lossy(&formatted.stderr));
            let bootstrap = format!("127.0.0.1:{port}");
            let mut broker = Self { folder, bootstrap, keeper: None, login: acl.is_some() };
            if broker.launch() {
                return broker;
            }
            last = broker.log();
        }
        panic!("no broker could be started:\n{last}");
    }

    /// Starts the process and waits until it answers; false if it ended before.
    fn launch(&mut self) -> bool {
        let _ = std::fs::remove_file(self.folder.join("pid"));
        let broker = java(&["kafka.Kafka", self.folder.join("server.properties").to_str().unwrap()]);
        let mut keeper = Command::new("sh");
        keeper.args(["-c", KEEPER, "keeper"]).arg(&self.folder).arg(broker.get_program()).args(broker.get_args());
        self.keeper = Some(keeper.stdin(Stdio::piped()).spawn().unwrap());
        let begun = Instant::now();
        let client: BaseConsumer =
            self.client().set_log_level(rdkafka::config::RDKafkaLogLevel::Emerg).create().unwrap();
        while begun.elapsed() < START {
            let metadata = client.fetch_metadata(None, Duration::from_millis(500));
            if metadata.is_ok_and(|metadata| !metadata.brokers().is_empty()) {
                return true;
            }
            if !self.is_alive() && begun.elapsed() > Duration::from_secs(2) {
                return false;
            }
        }
        panic!("the broker does not answer after {START:?}:\n{}", self.log());
    }

    /// Where it is reached.
    pub(crate) fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// A client that may do everything.
    pub(crate) fn client(&self) -> ClientConfig {
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", &self.bootstrap);
        if self.login {
            client.extend(login(ADMIN.0, ADMIN.1));
        }
        client
    }

    /// Creates a topic.
    pub(crate) fn create_topic(&self, name: &str, partitions: i32, settings: &[(&str, &str)]) {
        let admin: AdminClient<DefaultClientContext> = self.client().create().unwrap();
        let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
        topic.config = settings.to_vec();
        let options = AdminOptions::new().operation_timeout(Some(Duration::from_secs(30)));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let results = runtime.block_on(admin.create_topics([&topic], &options)).unwrap();
        results.into_iter().next().unwrap().unwrap();
        // The controller knows it before the broker does.
        let begun = Instant::now();
        let count = |topic: &rdkafka::metadata::MetadataTopic| i32::try_from(topic.partitions().len()).unwrap();
        while begun.elapsed() < Duration::from_secs(30) {
            let metadata = admin.inner().fetch_metadata(Some(name), Duration::from_secs(5)).unwrap();
            let found = metadata.topics().first().filter(|topic| topic.error().is_none());
            if found
                .is_some_and(|topic| count(topic) == partitions && topic.partitions().iter().all(|p| p.leader() >= 0))
            {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("the topic {name} did not come");
    }

    /// Changes the access rules, with the words of `kafka-acls.sh`.
    pub(crate) fn acl(&self, words: &str) {
        let file = self.folder.join("admin.properties");
        let jaas = format!("{PLAIN_LOGIN} username=\"{}\" password=\"{}\";", ADMIN.0, ADMIN.1);
        let text = format!("security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.jaas.config={jaas}\n");
        std::fs::write(&file, text).unwrap();
        let start = ["org.apache.kafka.tools.AclCommand", "--bootstrap-server", &self.bootstrap, "--command-config"];
        let mut command = java(&start);
        let done = command.arg(&file).args(words.split_whitespace()).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(done.status.success(), "{words}: {}{}", text(&done.stdout), text(&done.stderr));
    }

    /// Stops it as an operator would, and waits for its end. The data stay.
    pub(crate) fn stop(&mut self) {
        self.end("-TERM");
    }

    /// Kills it at once. The data stay as they are.
    pub(crate) fn kill(&mut self) {
        self.end("-KILL");
    }

    /// Starts it again, at the same address and with its data.
    pub(crate) fn restart(&mut self) {
        if self.keeper.is_some() {
            self.stop();
        }
        assert!(self.launch(), "the broker did not start again:\n{}", self.log());
    }

    /// Sends a signal, as in `-STOP` and `-CONT`.
    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.pid().expect("the broker runs");
        let done = Command::new("kill").args([signal, &pid]).stderr(Stdio::null()).status();
        assert!(done.is_ok(), "kill is missing");
    }

    fn end(&mut self, signal: &str) {
        let Some(mut keeper) = self.keeper.take() else { return };
        self.signal(signal);
        let begun = Instant::now();
        while self.is_alive() && begun.elapsed() < Duration::from_secs(30) {
            std::thread::sleep(Duration::from_millis(20));
        }
        keeper.stdin.take().unwrap().write_all(b"keep\n").unwrap();
        keeper.wait().unwrap();
        let _ = std::fs::remove_file(self.folder.join("pid"));
    }

    fn pid(&self) -> Option<String> {
        let text = std::fs::read_to_string(self.folder.join("pid")).ok()?;
        Some(text.trim().to_owned())
    }

    fn is_alive(&self) -> bool {
        let Some(pid) = self.pid() else { return false };
        // A dead process stays in the table until its parent, the keeper, waits for it.
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
    }

    /// The folder with its data.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The last lines that it wrote.
    pub(crate) fn log(&self) -> String {
        let text = std::fs::read_to_string(self.folder.join("out.log")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Some(mut keeper) = self.keeper.take() {
            drop(keeper.stdin.take());
            let _ = keeper.wait();
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A name that no other test of this program uses.
pub(crate) fn unique(start: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    format!("{start}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The properties of a client that logs in.
pub(crate) fn login(user: &str, password: &str) -> Vec<(String, String)> {
    [("security.protocol", "SASL_PLAINTEXT"), ("sasl.mechanisms", "PLAIN")]
        .into_iter()
        .chain([("sasl.username", user), ("sasl.password", password)])
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// Where nobody listens.
pub(crate) fn closed_port() -> u16 {
    free_ports::<1>()[0]
}

fn free_ports<const N: usize>() -> [u16; N] {
    let listeners: [TcpListener; N] = std::array::from_fn(|_| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

fn libraries() -> PathBuf {
    let Some(libraries) = std::env::var_os("TRUTHLINE_KAFKA_LIBS").map(PathBuf::from) else {
        panic!(
            "this test needs a broker: run tests/run, or set TRUTHLINE_KAFKA_LIBS to the folder that tests/fetch-kafka prints"
        );
    };
    let first = std::fs::read_dir(&libraries).ok().and_then(|mut files| files.next());
    assert!(first.is_some(), "{} is empty or not there; run tests/fetch-kafka again", libraries.display());
    libraries
}

fn java(arguments: &[&str]) -> Command {
    let mut command = Command::new("java");
    command.args(["-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"]);
    command.args(["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp"]);
    command.arg(libraries().join("*")).args(arguments);
    command
}

fn properties(folder: &Path, port: u16, controller: u16, acl: Option<&SaslAcl>) -> String {
    let listener = if acl.is_some() { "SASL_PLAINTEXT" } else { "PLAINTEXT" };
    let mut text = format!(
        "process.roles=broker,controller\nnode.id=1\ncontroller.quorum.voters=1@127.0.0.1:{controller}\n\
         listeners={listener}://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}\n\
         advertised.listeners={listener}://127.0.0.1:{port}\ncontroller.listener.names=CONTROLLER\n\
         inter.broker.listener.name={listener}\n\
         listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT\n\
         log.dirs={}\n",
        folder.join("data").display()
    );
    // One broker, small and quick: internal topics of few partitions with one copy, groups that start at once.
    text += "offsets.topic.replication.factor=1\noffsets.topic.num.partitions=4\n\
             transaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\n\
             transaction.state.log.num.partitions=4\nshare.coordinator.state.topic.replication.factor=1\n\
             share.coordinator.state.topic.min.isr=1\ngroup.initial.rebalance.delay.ms=0\n\
             auto.create.topics.enable=false\nnum.partitions=1\ndefault.replication.factor=1\n\
             log.cleaner.dedupe.buffer.size=16777216\n";
    if let Some(acl) = acl {
        let users: Vec<String> = std::iter::once(&ADMIN)
            .chain(&acl.users)
            .map(|(user, password)| format!(" user_{user}=\"{password}\""))
            .collect();
        text += "sasl.enabled.mechanisms=PLAIN\nsasl.mechanism.inter.broker.protocol=PLAIN\n\
                 authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\n";
        writeln!(text, "super.users=User:{};User:ANONYMOUS", ADMIN.0).unwrap();
        let jaas = format!("{PLAIN_LOGIN} username=\"{}\" password=\"{}\"{};", ADMIN.0, ADMIN.1, users.concat());
        writeln!(text, "listener.name.sasl_plaintext.plain.sasl.jaas.config={jaas}").unwrap();
    }
    text
}
