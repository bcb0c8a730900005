//! One connection: who it is, and what it asks for.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use ballast_contract::auth::Credential;
use ballast_services::{Caller, Downloadable, Failure, Origin, Proposing, Trace};
use russh::keys::HashAlg;
use russh::server::{Auth, ChannelOpenHandle, Handler, Msg, PublicKeyOffer, VerifiedPublicKey};
use russh::{Channel, ChannelId, ChannelMsg, ChannelReadHalf, ChannelWriteHalf};
use tokio::io::{AsyncWriteExt, DuplexStream};
use tokio::sync::{OwnedSemaphorePermit, oneshot, watch};
use tracing::Instrument;

use super::Shared;
use super::command::{self, Command, Place};
use crate::Wire;
use crate::receive_pack::{Incoming, receive_pack};
use crate::upload_pack::{refuse, upload_pack};
use crate::{Exchange, Input, Output, Service, WireError, advertise, answer};

/// Bytes of a client that wait to be read.
const WAITING: usize = 256 << 10;
/// Channels of one connection at a time, as OpenSSH has them.
const CHANNELS: usize = 10;
/// The longest value of `GIT_PROTOCOL`.
const PROTOCOL: usize = 256;

/// One connection.
pub struct Session {
    shared: Arc<Shared>,
    from: IpAddr,
    caller: Option<Caller>,
    known: watch::Sender<bool>,
    channels: HashMap<ChannelId, (Channel<Msg>, String)>,
    _place: OwnedSemaphorePermit,
}

impl Session {
    /// A connection that has not said yet who it is, and whether it has by now.
    pub fn new(shared: Arc<Shared>, from: IpAddr, place: OwnedSemaphorePermit) -> (Self, watch::Receiver<bool>) {
        let (known, is_known) = watch::channel(false);
        (Self { shared, from, caller: None, known, channels: HashMap::new(), _place: place }, is_known)
    }

    /// Whose key this is; none where it is nobody's, or its owner may not log in.
    async fn owner(&self, fingerprint: String) -> Option<Caller> {
        let credential = Some(Credential::SshKey { fingerprint });
        match self.shared.hub.caller(credential, Some(self.from)).await {
            Ok(caller) if !caller.is_anonymous() => Some(caller),
            Ok(_) | Err(Failure::BadCredential) => None,
            Err(failure) => {
                tracing::info!(from = %self.from, %failure, "a key did not open the door");
                None
            }
        }
    }

    fn trace(&self, asked: &str) -> Trace {
        let request = format!("ssh-{:016x}", rand::random::<u64>());
        Trace { request: request.as_str().into(), address: Some(self.from), asked: asked.into() }
    }

    /// Does something with a channel's two ends, in the name of one request.
    fn spawn<W: Future<Output = ()> + Send + 'static>(
        &mut self,
        channel: ChannelId,
        asked: &str,
        work: impl FnOnce(Ends, Arc<Shared>, Caller) -> W,
    ) -> bool {
        let (Some((channel, protocol)), Some(caller)) = (self.channels.remove(&channel), self.caller.clone()) else {
            return false;
        };
        let (read, write) = channel.split();
        let ends = Ends { read, write, protocol, from: self.from, session: self.known.subscribe() };
        let trace = self.trace(asked);
        let span = tracing::info_span!("ssh", id = %trace.request, %asked);
        let work = trace.follow(work(ends, Arc::clone(&self.shared), caller));
        let begun = Instant::now();
        let answered = async move {
            work.await;
            tracing::info!(milliseconds = begun.elapsed().as_millis() as u64, "answered");
        };
        tokio::spawn(answered.instrument(span));
        true
    }
}

impl Handler for Session {
    type Error = russh::Error;

    async fn auth_publickey_offered(&mut self, _: &str, offer: PublicKeyOffer<'_>) -> Result<Auth, Self::Error> {
        let fingerprint = offer.public_key.fingerprint(HashAlg::Sha256).to_string();
        Ok(if self.owner(fingerprint).await.is_some() { Auth::Accept } else { Auth::reject() })
    }

    async fn auth_publickey(&mut self, _: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, Self::Error> {
        let fingerprint = key.public_key.fingerprint(HashAlg::Sha256).to_string();
        self.caller = self.owner(fingerprint).await;
        let _ = self.known.send(self.caller.is_some());
        Ok(if self.caller.is_some() { Auth::Accept } else { Auth::reject() })
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut russh::server::Session,
    ) -> Result<(), Self::Error> {
        // One that is dropped is refused.
        if self.channels.len() < CHANNELS {
            self.channels.insert(channel.id(), (channel, String::new()));
            reply.accept().await;
        }
        Ok(())
    }

    async fn channel_close(&mut self, channel: ChannelId, _: &mut russh::server::Session) -> Result<(), Self::Error> {
        self.channels.remove(&channel);
        Ok(())
    }

    async fn env_request(
        &mut self,
        channel: ChannelId,
        name: &str,
        value: &str,
        session: &mut russh::server::Session,
    ) -> Result<(), Self::Error> {
        match self.channels.get_mut(&channel) {
            Some((_, protocol)) if name == "GIT_PROTOCOL" && value.len() <= PROTOCOL => {
                value.clone_into(protocol);
                session.channel_success(channel)
            }
            _ => session.channel_failure(channel),
        }
    }

    async fn shell_request(
        &mut self,
        channel: ChannelId,
        session: &mut russh::server::Session,
    ) -> Result<(), Self::Error> {
        let greeted = self.spawn(channel, "shell", |ends, shared, caller| async move {
            let name = caller.user_name().map_or_else(String::new, ToString::to_string);
            let text = format!("Hi {name}, welcome to {}. There is no shell here, but git.\r\n", shared.http);
            ends.say_and_end(&text, 0).await;
        });
        if greeted { session.channel_success(channel) } else { session.channel_failure(channel) }
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        line: &[u8],
        session: &mut russh::server::Session,
    ) -> Result<(), Self::Error> {
        let line = String::from_utf8_lossy(line).into_owned();
        let asked = line.clone();
        let begun = self.spawn(channel, &asked, |ends, shared, caller| run(line, ends, shared, caller));
        if begun { session.channel_success(channel) } else { session.channel_failure(channel) }
    }
}

/// A channel.
struct Ends {
    read: ChannelReadHalf,
    write: ChannelWriteHalf<Msg>,
    protocol: String,
    from: IpAddr,
    /// Closed with the connection.
    session: watch::Receiver<bool>,
}

impl Ends {
    /// For a person: to standard output where all is well, else to standard error.
    async fn say_and_end(&self, text: &str, status: u32) {
        let said = match status {
            0 => self.write.data_bytes(text.as_bytes().to_vec()).await,
            _ => self.write.extended_data_bytes(1, text.as_bytes().to_vec()).await,
        };
        if said.is_ok() {
            end(&self.write, status).await;
        }
    }
}

/// Ends a channel. Whoever is gone does not hear how it ended.
async fn end(write: &ChannelWriteHalf<Msg>, status: u32) {
    let _ = write.exit_status(status).await;
    let _ = write.eof().await;
    let _ = write.close().await;
}

async fn run(line: String, ends: Ends, shared: Arc<Shared>, caller: Caller) {
    match command::parse(&line) {
        Err(why) => ends.say_and_end(&format!("{why}\r\n"), 127).await,
        Ok(Command::Authenticate { place, writes }) => match authenticate(&shared, &caller, &place, writes).await {
            Ok(text) => ends.say_and_end(&text, 0).await,
            Err(failure) => refused(&ends, &shared, failure).await,
        },
        Ok(Command::Serve(service, place)) => match serve(service, &place, ends, &shared, &caller).await {
            Ok(()) => {}
            Err((ends, failure)) => refused(&ends, &shared, failure).await,
        },
    }
}

async fn refused(ends: &Ends, shared: &Shared, failure: Failure) {
    let text = match failure {
        Failure::RepositoryMoved { to, .. } => format!("The repository is now called '{to}': git remote set-url"),
        failure => (shared.wire.gate.told)(failure),
    };
    ends.say_and_end(&format!("{text}\r\n"), 1).await;
}

/// What `git-lfs-authenticate` answers: git-lfs' `docs/api/authentication.md`.
async fn authenticate(shared: &Shared, caller: &Caller, place: &Place, writes: bool) -> Result<String, Failure> {
    let Place { kind, namespace, name } = place;
    let pass = match writes {
        true => shared.hub.proposing(caller, *kind, namespace, name).await?.pass(true)?,
        false => shared.hub.downloadable(caller, *kind, namespace, name).await?.pass(false)?,
    };
    let answer = serde_json::json!({
        "href": format!("{}/{}{namespace}/{name}.git/info/lfs", shared.http, kind.url_prefix()),
        "header": { "Authorization": format!("Bearer {}", pass.value) },
        "expires_in": pass.valid.as_secs(),
    });
    Ok(answer.to_string())
}

/// The right that a service takes.
enum Granted {
    Fetch(Downloadable),
    Push(Proposing),
}

/// Fetches or takes a push.
async fn serve(
    service: Service,
    place: &Place,
    ends: Ends,
    shared: &Arc<Shared>,
    caller: &Caller,
) -> Result<(), (Ends, Failure)> {
    let (hub, Place { kind, namespace, name }) = (&shared.hub, place);
    let granted = match service {
        Service::UploadPack => hub.downloadable(caller, *kind, namespace, name).await.map(Granted::Fetch),
        Service::ReceivePack => hub.proposing(caller, *kind, namespace, name).await.map(Granted::Push),
    };
    let granted = match granted {
        Ok(granted) => granted,
        Err(failure) => return Err((ends, failure)),
    };
    let Ends { read, write, protocol, from, mut session } = ends;
    let (mut output, answered) = answer();
    let (input, gone) = input(read);
    let work = async move {
        let done = talk(&granted, &shared.wire, &protocol, from, input, &mut output).await;
        ended(done, shared.wire.gate.told, &mut output).await
    };
    let receiver = &write;
    // Whoever is gone takes nothing more: the answer's queue ends with this, and the work with the queue. A piece that
    // waits for room at the client's side is not told; what reads from there is, unless it waits for the work.
    let sending = async move {
        let mut answered = answered;
        let all = async {
            while let Some(piece) = answered.recv().await {
                if receiver.data_bytes(piece).await.is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            () = all => {}
            _ = gone => {}
            () = async { while session.changed().await.is_ok() {} } => {}
        }
    };
    let (well, ()) = tokio::join!(work, sending);
    end(&write, u32::from(!well)).await;
    Ok(())
}

async fn talk(
    granted: &Granted,
    wire: &Wire,
    protocol: &str,
    from: IpAddr,
    input: Input,
    output: &mut Output,
) -> crate::Result<()> {
    match granted {
        Granted::Fetch(repository) => {
            advertise(repository, Service::UploadPack, protocol, output).await?;
            let fetched = upload_pack(repository, &wire.packs, protocol, Exchange::Conversation, input, output).await?;
            if fetched.objects > 0 {
                let origin = Origin { address: Some(from), agent: Some("ssh".to_owned()) };
                repository.downloaded(&origin, 0);
            }
        }
        Granted::Push(repository) => {
            advertise(repository, Service::ReceivePack, protocol, output).await?;
            if let Some(incoming) = Incoming::read(&wire.gate, Exchange::Conversation, input).await? {
                receive_pack(repository, &wire.gate, incoming, output).await?;
            }
        }
    }
    Ok(())
}

/// Whether it ended well.
async fn ended(done: crate::Result<()>, told: fn(Failure) -> String, output: &mut Output) -> bool {
    match done {
        Ok(()) => true,
        // Whoever only wanted to see the refs.
        Err(WireError::Gone) => false,
        Err(error) => {
            refuse(error, told, output).await;
            false
        }
    }
}

/// What the client sends, as something to read, and what ends when the client is gone.
fn input(mut read: ChannelReadHalf) -> (Input, oneshot::Receiver<()>) {
    let (mut to, from): (DuplexStream, DuplexStream) = tokio::io::duplex(WAITING);
    let (here, gone) = oneshot::channel();
    tokio::spawn(async move {
        while let Some(message) = read.wait().await {
            match message {
                ChannelMsg::Data { data } if to.write_all(&data).await.is_ok() => {}
                ChannelMsg::Data { .. } | ChannelMsg::Eof | ChannelMsg::Close => break,
                _ => {}
            }
        }
        // What comes afterwards is nobody's to read, and must not fill the window.
        drop(to);
        while read.wait().await.is_some() {}
        drop(here);
    });
    (Box::pin(from), gone)
}
