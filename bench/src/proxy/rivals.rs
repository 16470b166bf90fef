//! The proxies, each configured for one thread and for passing TCP on, no more.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::Options;
use crate::place::Place;

pub(super) struct Rival {
    pub(super) name: &'static str,
    /// The command that runs it from the one address to the other; it may leave files in the
    /// folder.
    command: fn(&Options, &Path, SocketAddr, SocketAddr) -> io::Result<Vec<String>>,
}

/// netpoll's stands first: the others are compared with it.
pub(super) const RIVALS: [Rival; 4] = [
    Rival {
        name: "netpoll",
        command: netpoll,
    },
    Rival {
        name: "haproxy",
        command: |options, folder, from, to| haproxy(options, folder, from, to, ""),
    },
    Rival {
        name: "haproxy, splice",
        command: |options, folder, from, to| {
            let splice = "  option splice-request\n  option splice-response\n";
            haproxy(options, folder, from, to, splice)
        },
    },
    Rival {
        name: "nginx",
        command: nginx,
    },
];

fn netpoll(
    options: &Options,
    _: &Path,
    from: SocketAddr,
    to: SocketAddr,
) -> io::Result<Vec<String>> {
    let path = match &options.netpoll {
        Some(path) => path.clone(),
        None => std::env::current_exe()?.with_file_name("netpoll"),
    };
    if !path.exists() {
        let advice = "build it with `cargo build --release -p netpoll-cli`";
        return Err(io::Error::other(format!("no {}: {advice}", path.display())));
    }
    let path = path.display();
    let text = format!("{path} serve proxy --quiet --workers 1 --listen {from} --to {to}");
    Ok(text.split(' ').map(str::to_owned).collect())
}

fn haproxy(
    _: &Options,
    folder: &Path,
    from: SocketAddr,
    to: SocketAddr,
    options: &str,
) -> io::Result<Vec<String>> {
    let config = folder.join("haproxy.cfg");
    let text = format!(
        "global\n  nbthread 1\n  maxconn 4096\ndefaults\n  mode tcp\n{options}  \
         timeout connect 5s\n  timeout client 60s\n  timeout server 60s\nlisten proxy\n  \
         bind {from}\n  server target {to}\n"
    );
    fs::write(&config, text)?;
    let config = config.display().to_string();
    Ok([find("haproxy")?, "-db".into(), "-f".into(), config].into())
}

fn nginx(
    options: &Options,
    folder: &Path,
    from: SocketAddr,
    to: SocketAddr,
) -> io::Result<Vec<String>> {
    let debian = PathBuf::from("/usr/lib/nginx/modules/ngx_stream_module.so");
    let module = options.nginx_stream.clone().unwrap_or(debian);
    let load = match module.exists() {
        true => format!("load_module {};\n", module.display()),
        false => String::new(),
    };
    let config = folder.join("nginx.conf");
    let text = format!(
        "{load}daemon off;\nmaster_process off;\nworker_processes 1;\npid {};\n\
         error_log stderr crit;\nevents {{ worker_connections 4096; }}\n\
         stream {{ server {{ listen {from}; proxy_pass {to}; }} }}\n",
        folder.join("nginx.pid").display()
    );
    fs::write(&config, text)?;
    let config = config.display().to_string();
    Ok([
        find("nginx")?,
        "-e".into(),
        "stderr".into(),
        "-c".into(),
        config,
    ]
    .into())
}

/// The program of this name on the PATH.
fn find(name: &str) -> io::Result<String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
        .map(|program| program.display().to_string())
        .ok_or_else(|| io::Error::other("it is not on the PATH"))
}

/// A proxy that listens. It is killed when this is dropped.
pub(super) struct Running {
    name: &'static str,
    child: Child,
    entrance: SocketAddr,
    folder: PathBuf,
}

impl Running {
    pub(super) fn start(
        rival: &Rival,
        options: &Options,
        place: Place,
        target: SocketAddr,
    ) -> io::Result<Self> {
        // Free now, and nobody else listens here in the meantime.
        let entrance = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let own = format!("netpoll-bench-{}-{}", std::process::id(), entrance.port());
        let folder = std::env::temp_dir().join(own);
        fs::create_dir_all(&folder)?;
        let command = (rival.command)(options, &folder, entrance, target)?;
        let child = Command::new(std::env::current_exe()?)
            .arg("exec")
            .args(place.to_arguments())
            .arg("--")
            .args(command)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()?;
        let mut running = Self {
            name: rival.name,
            child,
            entrance,
            folder,
        };
        running.wait()?;
        Ok(running)
    }

    /// Waits until it listens.
    fn wait(&mut self) -> io::Result<()> {
        let start = Instant::now();
        while TcpStream::connect(self.entrance).is_err() {
            if let Some(status) = self.child.try_wait()? {
                return Err(io::Error::other(format!("it ended with {status}")));
            }
            if start.elapsed() > Duration::from_secs(10) {
                return Err(io::Error::other("it does not listen"));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn entrance(&self) -> SocketAddr {
        self.entrance
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
