//! A process that runs the program, for the time of a test.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::Site;

/// How long a process may take to start, and to end when it is asked to.
const START: Duration = Duration::from_mins(1);
const END: Duration = Duration::from_secs(40);

pub(crate) struct Service {
    pub(crate) instance: String,
    config: PathBuf,
    log: PathBuf,
    port: u16,
    child: Option<Child>,
}

impl Service {
    /// Starts `run` under the name `instance`.
    pub(crate) fn start(site: &Site, instance: &str, lanes: u32) -> Self {
        Self::start_twin(site, instance, instance, lanes)
    }

    /// The same, with files called `name`: several processes may have one instance name.
    pub(crate) fn start_twin(site: &Site, name: &str, instance: &str, lanes: u32) -> Self {
        let port = crate::broker::closed_port();
        let more = format!("instance: {instance}\nlanes: {lanes}\nhttp: {{listen: '127.0.0.1:{port}'}}");
        let config = site.configuration(&format!("{name}.yaml"), &more);
        let log = site.path(&format!("{name}.log"));
        let mut service = Self { instance: instance.to_owned(), config, log, port, child: None };
        service.again();
        service
    }

    /// What it answers to a question by HTTP; `None` if nobody answers.
    pub(crate) fn page(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        Some(text.split_once("\r\n\r\n")?.1.to_owned())
    }

    /// Starts it again under the same name.
    pub(crate) fn again(&mut self) {
        assert!(self.child.is_none(), "{} runs", self.instance);
        let log = File::options().create(true).append(true).open(&self.log).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_truthline"));
        command.args(["run", "--log-level", "info", "--log-format", "json", "--config"]).arg(&self.config);
        self.child = Some(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap());
    }

    /// Waits until it takes part.
    pub(crate) fn must_start(&mut self) {
        let begun = Instant::now();
        while !self.log().contains("\"running\"") {
            self.must_run();
            assert!(begun.elapsed() < START, "{} does not start:\n{}", self.instance, self.tail());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub(crate) fn runs(&self) -> bool {
        self.child.is_some()
    }

    /// As `kill -9`.
    pub(crate) fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Asks it to end, as an orchestrator would.
    pub(crate) fn ask_to_end(&self) {
        self.signal("-TERM");
    }

    /// Sends a signal, as in `-STOP` and `-CONT`.
    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.child.as_ref().expect("it runs").id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// Waits for its end, which must be a good one.
    pub(crate) fn ended(&mut self) {
        let mut child = self.child.take().expect("it runs");
        let begun = Instant::now();
        while begun.elapsed() < END {
            if let Some(status) = child.try_wait().unwrap() {
                assert!(status.success(), "{} ended with {status}:\n{}", self.instance, self.tail());
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = child.kill();
        panic!("{} did not end within {END:?}:\n{}", self.instance, self.tail());
    }

    /// Waits for its end by itself; its exit code.
    pub(crate) fn code(&mut self) -> i32 {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.has_ended() {
                self.child = None;
                return status.code().expect("nobody killed it");
            }
            assert!(begun.elapsed() < START, "{} goes on:\n{}", self.instance, self.tail());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Asks it to end and waits.
    pub(crate) fn stop(&mut self) {
        self.ask_to_end();
        self.ended();
    }

    /// Whether it has ended, and how.
    pub(crate) fn has_ended(&mut self) -> Option<ExitStatus> {
        self.child.as_mut()?.try_wait().unwrap()
    }

    /// It has not ended by itself.
    pub(crate) fn must_run(&mut self) {
        if let Some(status) = self.has_ended() {
            panic!("{} ended by itself with {status}:\n{}", self.instance, self.tail());
        }
    }

    /// All that it wrote.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    pub(crate) fn tail(&self) -> String {
        let text = self.log();
        let lines: Vec<&str> = text.lines().filter(|line| !line.contains("firing:")).collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            eprintln!("--- {}:\n{}", self.instance, self.tail());
        }
    }
}
