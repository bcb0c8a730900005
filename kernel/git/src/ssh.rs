//! git over SSH: the keys of the API open the door, and behind it are fetch, push, and what git-lfs asks first.

mod command;
mod session;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ballast_services::Hub;
use russh::keys::PrivateKey;
use russh::keys::ssh_key::{Algorithm, LineEnding};
use russh::server::{Config, run_stream};
use russh::{MethodKind, MethodSet, SshId};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use self::session::Session;
use crate::Wire;

/// Connections at a time; more wait to be accepted.
const CONNECTIONS: usize = 256;
/// How long a connection may be silent, and how long it may take to say who it is.
const SILENCE: Duration = Duration::from_secs(300);
const LOGIN: Duration = Duration::from_secs(30);
/// Keys that a client may try.
const ATTEMPTS: usize = 12;

/// What every session needs.
pub struct Shared {
    pub hub: Hub,
    pub wire: Arc<Wire>,
    /// The URL under which clients reach the hub by HTTP: where git-lfs is sent.
    pub http: String,
}

/// Why there is no listener.
#[derive(Debug, thiserror::Error)]
pub enum SshError {
    #[error("the SSH host key {0} is not one in OpenSSH's format: {1}")]
    Key(String, russh::keys::ssh_key::Error),
    #[error("the SSH host key {0}: {1}")]
    File(String, std::io::Error),
}

/// The hub's own key, in the text that OpenSSH keeps.
pub fn read_key(text: &str, name: &str) -> Result<PrivateKey, SshError> {
    PrivateKey::from_openssh(text).map_err(|error| SshError::Key(name.to_owned(), error))
}

/// The key in a file, which is made where there is none.
pub fn read_or_make_key(path: &Path) -> Result<PrivateKey, SshError> {
    let name = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => read_key(&text, &name),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            make_key(path).map_err(|error| SshError::File(name.clone(), error))?;
            // Of two that start at once, one made it.
            let text = std::fs::read_to_string(path).map_err(|error| SshError::File(name.clone(), error))?;
            read_key(&text, &name)
        }
        Err(error) => Err(SshError::File(name, error)),
    }
}

fn make_key(path: &Path) -> std::io::Result<()> {
    use std::io::Write;
    let key = PrivateKey::random(&mut rand::rng(), Algorithm::Ed25519).map_err(std::io::Error::other)?;
    let text = key.to_openssh(LineEnding::LF).map_err(std::io::Error::other)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Err(error) if error.error.kind() != std::io::ErrorKind::AlreadyExists => Err(error.error),
        _ => Ok(()),
    }
}

/// Serves until it is told to stop; what is under way then goes on to its end, as long as the runtime does.
pub async fn serve(listener: TcpListener, key: PrivateKey, shared: Arc<Shared>, mut stop: watch::Receiver<bool>) {
    let config = Arc::new(Config {
        server_id: SshId::Standard(concat!("SSH-2.0-Ballast_", env!("CARGO_PKG_VERSION")).into()),
        methods: MethodSet::from([MethodKind::PublicKey].as_slice()),
        auth_rejection_time: Duration::from_millis(500),
        auth_rejection_time_initial: Some(Duration::ZERO),
        keys: vec![key],
        max_auth_attempts: ATTEMPTS,
        inactivity_timeout: Some(SILENCE),
        keepalive_interval: Some(Duration::from_secs(60)),
        nodelay: true,
        ..Config::default()
    });
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        match accepted {
            Ok((stream, from)) => {
                tokio::spawn(connection(stream, from, Arc::clone(&config), Arc::clone(&shared), place));
            }
            Err(error) => {
                tracing::warn!(%error, "an SSH connection was not accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn connection(
    stream: TcpStream,
    from: SocketAddr,
    config: Arc<Config>,
    shared: Arc<Shared>,
    place: OwnedSemaphorePermit,
) {
    let (session, known) = Session::new(shared, from.ip(), place);
    let running = async { run_stream(config, stream, session).await?.await };
    tokio::pin!(running);
    let ended = tokio::select! {
        ended = &mut running => ended,
        () = tokio::time::sleep(LOGIN) => {
            let is_known = *known.borrow();
            if !is_known {
                return;
            }
            running.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, %from, "an SSH connection ended");
    }
}
