//! What a server says of itself and its refs before anything is asked.

use ballast_services::{GitRefs, Readable};
use ballast_types::GitOid;

use crate::{Output, Result, pkt_line};

/// What a client wants to talk to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    UploadPack,
    ReceivePack,
}

impl Service {
    /// `git-upload-pack` or `git-receive-pack`; none for another name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::UploadPack, Self::ReceivePack].into_iter().find(|service| service.name() == name)
    }

    /// As the program of git is called that does it.
    pub fn name(self) -> &'static str {
        match self {
            Self::UploadPack => "git-upload-pack",
            Self::ReceivePack => "git-receive-pack",
        }
    }
}

/// What the server calls itself.
pub(crate) const AGENT: &str = concat!("agent=ballast/", env!("CARGO_PKG_VERSION"));
const FETCH: &str = "multi_ack multi_ack_detailed no-done thin-pack side-band side-band-64k ofs-delta shallow deepen-since \
                     deepen-not deepen-relative no-progress include-tag allow-tip-sha1-in-want \
                     allow-reachable-sha1-in-want filter object-format=sha1";
const PUSH: &str = "report-status report-status-v2 delete-refs side-band-64k quiet atomic ofs-delta push-options \
                    object-format=sha1";

/// Whether the version that a client asked for (`version=2`, among others) is the second.
pub(crate) fn is_second(protocol: &str) -> bool {
    protocol.split(':').any(|part| part == "version=2")
}

/// What stands at the beginning of a conversation: in version 2 what the server can do, before it what is there.
pub async fn advertise(repository: &Readable, service: Service, protocol: &str, output: &mut Output) -> Result<()> {
    if service == Service::UploadPack && is_second(protocol) {
        for line in ["version 2", AGENT, "ls-refs=unborn", "fetch=shallow wait-for-done filter", "object-format=sha1"] {
            output.line(line).await?;
        }
        return output.end().await;
    }
    if service == Service::ReceivePack {
        // Before a client makes a pack that nobody takes.
        repository.check_git_push()?;
    }
    let GitRefs { head, refs } = repository.git_refs().await?;
    if protocol.split(':').any(|part| part == "version=1") {
        output.line("version 1").await?;
    }
    let capabilities = match service {
        Service::UploadPack => format!("{FETCH} symref=HEAD:{head} {AGENT}"),
        Service::ReceivePack => format!("{PUSH} {AGENT}"),
    };
    let mut lines: Vec<(GitOid, String)> = Vec::new();
    if service == Service::UploadPack {
        let tip = refs.iter().find(|found| found.name == head).and_then(|found| found.commit);
        lines.extend(tip.map(|tip| (tip.into(), "HEAD".to_owned())));
    }
    for found in refs {
        let Some(commit) = found.commit.map(GitOid::from) else { continue };
        lines.push((found.tag.unwrap_or(commit), found.name.to_string()));
        if found.tag.is_some() && service == Service::UploadPack {
            lines.push((commit, format!("{}^{{}}", found.name)));
        }
    }
    if lines.is_empty() {
        lines.push((GitOid([0; 20]), "capabilities^{}".to_owned()));
    }
    for (at, (oid, name)) in lines.iter().enumerate() {
        let mut line = format!("{oid} {name}").into_bytes();
        if at == 0 {
            line.push(0);
            line.extend_from_slice(capabilities.as_bytes());
        }
        line.push(b'\n');
        let mut framed = Vec::with_capacity(line.len() + 4);
        pkt_line::write(&mut framed, &line);
        output.raw(&framed).await?;
    }
    output.end().await
}
