use std::io::Cursor;
use std::sync::Arc;

use ballast_git::receive_pack::{Incoming, receive_pack};
use ballast_git::upload_pack::{refuse, upload_pack};
use ballast_git::{Exchange, Service, WireError, advertise, answer};
use ballast_services::{Failure, Readable, Trace};
use poem::Request;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use tokio_util::io::StreamReader;
use tracing::Instrument;

use super::Group;
use crate::call::{OpenCall, shared};
use crate::error::told;
use crate::extract::{FetchBody, PushBody};
use crate::git_answer::{GitAnswer, GitResult};
use crate::wire::Kinds;

pub struct Git;

#[OpenApi(tag = "Group::Git")]
impl Git {
    /// See what git may fetch or push
    ///
    /// The beginning of a clone, fetch or push over smart HTTP, in version 0, 1 or 2 of git's protocol. The name may end in
    /// `.git`; without `/{kinds}` the repository is a model. Without `service`, which only the dumb protocol leaves out,
    /// this is refused.
    #[oai(
        path = "/:kinds/:namespace/:name/info/refs",
        method = "get",
        operation_id = "git_refs",
        request_header(name = "Git-Protocol", ty = "Option<String>", description = "The version, as `version=2`")
    )]
    async fn git_refs(
        &self,
        call: OpenCall,
        request: &Request,
        kinds: Path<Kinds>,
        namespace: Path<String>,
        name: Path<String>,
        /// `git-upload-pack` or `git-receive-pack`.
        service: Query<Option<String>>,
    ) -> GitResult {
        let kind = kinds.0.into();
        let named = service.0.as_deref().unwrap_or_default();
        let Some(service) = Service::named(named) else {
            call.hub.readable(&call.caller, kind, &namespace, &name).await?;
            let why = "service: git-upload-pack or git-receive-pack; the dumb protocol of git is not served";
            return Err(Failure::Invalid(why.to_owned()).into());
        };
        let repository: Readable = match service {
            Service::UploadPack => {
                Readable::clone(&*call.hub.downloadable(&call.caller, kind, &namespace, &name).await?)
            }
            Service::ReceivePack => Readable::clone(&*call.hub.proposing(&call.caller, kind, &namespace, &name).await?),
        };
        let protocol = protocol(request);
        // While there is a status to say it with.
        match service {
            Service::UploadPack => repository.check_git()?,
            Service::ReceivePack => repository.check_git_push()?,
        }
        let (mut output, answer) = answer();
        spawn(async move {
            let begun = async {
                output.line(&format!("# service={}", service.name())).await?;
                output.end().await?;
                advertise(&repository, service, &protocol, &mut output).await
            };
            if let Err(error) = begun.await {
                refuse(error, told, &mut output).await;
            }
        });
        Ok(GitAnswer::advertisement(service, answer))
    }

    /// See which branch git begins with
    ///
    /// What the file `HEAD` of a repository says: the default branch. Smart HTTP tells it by itself.
    #[oai(path = "/:kinds/:namespace/:name/HEAD", method = "get", operation_id = "git_head")]
    async fn git_head(
        &self,
        call: OpenCall,
        kinds: Path<Kinds>,
        namespace: Path<String>,
        name: Path<String>,
    ) -> GitResult {
        let repository = call.hub.readable(&call.caller, kinds.0.into(), &namespace, &name).await?;
        Ok(GitAnswer::text(format!("ref: refs/heads/{}\n", repository.default_branch())))
    }

    /// Fetch by git
    ///
    /// The body is what `git fetch` sends, possibly as gzip. The first fetch of a visitor counts as a download.
    #[oai(
        path = "/:kinds/:namespace/:name/git-upload-pack",
        method = "post",
        operation_id = "git_upload_pack",
        request_header(name = "Git-Protocol", ty = "Option<String>", description = "The version, as `version=2`")
    )]
    async fn git_upload_pack(
        &self,
        call: OpenCall,
        request: &Request,
        kinds: Path<Kinds>,
        namespace: Path<String>,
        name: Path<String>,
        body: FetchBody,
    ) -> GitResult {
        let repository = call.hub.downloadable(&call.caller, kinds.0.into(), &namespace, &name).await?;
        let (protocol, origin) = (protocol(request), call.origin());
        let wire = Arc::clone(&shared(request)?.options.git);
        let (mut output, answer) = answer();
        spawn(async move {
            let input = Box::pin(Cursor::new(body.bytes));
            let done = upload_pack(&repository, &wire.packs, &protocol, Exchange::Once, input, &mut output).await;
            match done {
                Ok(fetched) if fetched.objects > 0 => repository.downloaded(&origin, 0),
                Ok(_) => {}
                Err(error) => refuse(error, told, &mut output).await,
            }
        });
        Ok(GitAnswer::result(Service::UploadPack, answer))
    }

    /// Push by git
    ///
    /// The body is what `git push` sends. What became of each ref stands in the answer, whose status is 200 also where
    /// all were refused.
    #[oai(path = "/:kinds/:namespace/:name/git-receive-pack", method = "post", operation_id = "git_receive_pack")]
    async fn git_receive_pack(
        &self,
        call: OpenCall,
        request: &Request,
        kinds: Path<Kinds>,
        namespace: Path<String>,
        name: Path<String>,
        body: PushBody,
    ) -> GitResult {
        let repository = call.hub.proposing(&call.caller, kinds.0.into(), &namespace, &name).await?;
        repository.check_git_push()?;
        let wire = Arc::clone(&shared(request)?.options.git);
        let (mut output, answer) = answer();
        let input = Box::pin(StreamReader::new(Box::pin(body.into_stream())));
        let incoming = match Incoming::read(&wire.gate, Exchange::Once, input).await {
            Ok(incoming) => incoming,
            Err(WireError::Failure(failure)) => return Err(failure.into()),
            Err(error @ WireError::Protocol(_)) => return Err(Failure::Invalid(error.to_string()).into()),
            Err(error) => {
                return Err(Failure::Interrupted(format!("The push ended before it was whole: {error}")).into());
            }
        };
        if let Some(incoming) = incoming {
            spawn(async move {
                if let Err(error) = receive_pack(&repository, &wire.gate, incoming, &mut output).await {
                    refuse(error, told, &mut output).await;
                }
            });
        }
        Ok(GitAnswer::result(Service::ReceivePack, answer))
    }
}

/// The version that the client speaks.
fn protocol(request: &Request) -> String {
    let value = request.headers().get("git-protocol");
    value.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).unwrap_or_default()
}

/// Goes on while the answer is being sent, in the name of the same request.
fn spawn(work: impl Future<Output = ()> + Send + 'static) {
    let span = tracing::Span::current();
    match Trace::of_this_task() {
        Some(trace) => drop(tokio::spawn(trace.follow(work.instrument(span)))),
        None => drop(tokio::spawn(work.instrument(span))),
    }
}
