//! The listener for git over SSH, where the configuration has one.

use std::sync::Arc;

use ballast_api::told;
use ballast_config::Loaded;
use ballast_git::receive_pack::Gate;
use ballast_git::ssh::{self, Shared};
use ballast_git::{Packs, Wire};
use ballast_services::Hub;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::exit::Exit;
use crate::output;

/// A listener that is under way. Dropped, it takes no more connections.
pub struct Ssh {
    _stop: watch::Sender<bool>,
}

/// Listens, where it is to: `http` is the URL under which git-lfs reaches the hub.
pub async fn start(loaded: &Loaded, hub: &Hub, wire: &Arc<Wire>, http: String) -> Result<Option<Ssh>, Exit> {
    let config = &loaded.config.ssh;
    let Some(address) = &config.listen else { return Ok(None) };
    let key = match &config.host_key {
        Some(source) => {
            let secret = loaded.secret("ssh.host_key", source)?;
            ssh::read_key(secret.expose(), "ssh.host_key")
        }
        None => ssh::read_or_make_key(&loaded.data_dir().join("ssh_host_ed25519_key")),
    };
    let key = key.map_err(Exit::failure)?;
    let listener = TcpListener::bind(address.as_str()).await;
    let listener =
        listener.map_err(|error| Exit::failure(format!("ssh.listen: cannot listen on {address}: {error}")))?;
    let address = listener.local_addr().map_err(Exit::failure)?;
    output::print(&format!("listening on ssh://git@{address}\n"))?;
    let shared = Shared { hub: hub.clone(), wire: Arc::clone(wire), http };
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(ssh::serve(listener, key, Arc::new(shared), stopped));
    Ok(Some(Ssh { _stop: stop }))
}

/// What fetches and pushes share, by whichever way they come.
pub fn wire(loaded: &Loaded) -> Arc<Wire> {
    let config = &loaded.config.git;
    let gate = Gate::new(config.max_push_bytes, config.max_file_bytes, told);
    Arc::new(Wire { gate, packs: Packs::new(config.kept_pack_bytes) })
}
