//! The distribution's nginx with the configuration that is shipped.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use functional::{Connection, Port, Request, eventually};

/// What nginx waits for an answer of a daemon that may stand still: a story can sit through it.
const IMPATIENT: &str = "6s";
/// The same as it is shipped.
const SHIPPED: &str = "300s";

/// Ends when it is dropped.
pub(crate) struct Nginx {
    folder: PathBuf,
    servers: Vec<String>,
    port: Port,
    child: Child,
    patience: &'static str,
}

impl Nginx {
    /// Before these addresses of glance-api.
    pub(crate) fn before(folder: &Path, servers: &[String]) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/services/static-http");
        let installed = Command::new(script).arg("install").status().unwrap();
        assert!(installed.success(), "there is no nginx");
        let port = Port::take();
        std::fs::write(
            folder.join("nginx.conf"),
            configuration(folder, &port, servers, None, IMPATIENT),
        )
        .unwrap();
        let child = program(folder).spawn().expect("nginx starts");
        let nginx = Self {
            folder: folder.to_owned(),
            servers: servers.to_vec(),
            port,
            child,
            patience: IMPATIENT,
        };
        eventually("nginx answers", 10, || {
            Connection::open(&nginx.address())
                .and_then(|mut connection| connection.exchange(&Request::get("/")))
                .is_ok()
        });
        nginx
    }

    /// `host:port`.
    pub(crate) fn address(&self) -> String {
        self.port.address()
    }

    /// Waits for daemons as it does where it is shipped to.
    pub(crate) fn be_patient(&mut self) {
        self.patience = SHIPPED;
        self.leave_out(None);
    }

    /// Sends nothing new to the server of this number; returns when nginx works so.
    pub(crate) fn leave_out(&self, number: Option<usize>) {
        let (folder, servers) = (&self.folder, &self.servers);
        let text = configuration(folder, &self.port, servers, number, self.patience);
        std::fs::write(folder.join("nginx.conf"), text).unwrap();
        let before = self.workers();
        let told = program(folder).args(["-s", "reload"]).status();
        assert!(told.unwrap().success(), "nginx does not reload");
        eventually("the old workers stop to accept", 20, || {
            let now = self.workers();
            !now.is_empty() && before.iter().all(|worker| !now.contains(worker))
        });
    }

    /// The numbers of the processes that accept connections.
    fn workers(&self) -> Vec<String> {
        let master = self.child.id();
        let children = std::fs::read_to_string(format!("/proc/{master}/task/{master}/children"));
        let children = children.unwrap_or_default();
        let accepts = |pid: &&str| {
            let title = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let title = String::from_utf8_lossy(&title).into_owned();
            title.contains("worker process") && !title.contains("shutting down")
        };
        let accepting = children.split_whitespace().filter(accepts);
        accepting.map(str::to_owned).collect()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = program(&self.folder).args(["-s", "stop"]).status();
        let _ = self.child.wait();
    }
}

fn program(folder: &Path) -> Command {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut nginx = Command::new("nginx");
    nginx
        .env("PATH", format!("{path}:/usr/sbin"))
        .arg("-e")
        .arg(folder.join("nginx.log"))
        .arg("-c")
        .arg(folder.join("nginx.conf"))
        .stdin(Stdio::null());
    nginx
}

/// What is shipped, with this machine's addresses and this wait for a daemon.
fn configuration(
    folder: &Path,
    port: &Port,
    servers: &[String],
    left_out: Option<usize>,
    patience: &str,
) -> String {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../etc/cloud/nginx.conf");
    let mut text = std::fs::read_to_string(shipped).unwrap();
    let mut place = |shipped: &str, ours: &str| {
        assert_eq!(text.matches(shipped).count(), 1, "{shipped}");
        text = text.replace(shipped, ours);
    };
    place("listen 9292;", &format!("listen {};", port.address()));
    let timeout = |patience| format!("proxy_read_timeout {patience};");
    place(&timeout(SHIPPED), &timeout(patience));
    for (number, server) in servers.iter().enumerate() {
        let shipped = format!("192.0.2.1{}:9292 ", number + 1);
        let down = if left_out == Some(number) {
            "down "
        } else {
            ""
        };
        place(&shipped, &format!("{server} {down}"));
    }
    let folder_name = folder.display();
    let user = if is_root() { "user root;" } else { "" };
    format!(
        "{user} daemon off; worker_processes 2; pid {folder_name}/nginx.pid; error_log {folder_name}/nginx.log;\n\
         events {{ worker_connections 512; }}\n\
         http {{ access_log {folder_name}/access.log; client_body_temp_path {folder_name}/t1; proxy_temp_path {folder_name}/t2;\n\
         fastcgi_temp_path {folder_name}/t3; uwsgi_temp_path {folder_name}/t4; scgi_temp_path {folder_name}/t5;\n{text}\n}}\n"
    )
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
