use std::collections::BTreeMap;

use ballast_services::{Failure, LfsDownload, LfsObject, LfsUpload, is_pass};
use ballast_types::{RepoKind, Sha256};
use poem::Request;
use poem::http::{HeaderValue, StatusCode, header};
use poem_openapi::OpenApi;
use poem_openapi::param::Path;

use super::Group;
use super::xet::access;
use crate::base_url::BaseUrl;
use crate::call::OpenCall;
use crate::error::ApiError;
use crate::extract::LfsBody;
use crate::lfs_answer::{LfsAnswer, LfsJson};
use crate::wire::{
    Kinds, LfsAction, LfsActions, LfsBatch, LfsBatchAnswer, LfsMessage, LfsObjectAnswer, LfsObjectError, LfsVerify,
    XetAccess,
};

pub struct LargeFiles;

#[OpenApi(tag = "Group::Lfs")]
impl LargeFiles {
    /// Ask how to send or get large files
    ///
    /// The git-lfs batch API, with `xet` and `multipart` besides `basic`. For `xet`, `header` has what the routes for Xet
    /// tokens answer. For `multipart`, an upload's `header` has `chunk_size` and a URL
    /// for each part, and `href` takes the list of parts. The name may end in `.git`; without `/{kinds}` the
    /// repository is a model.
    #[oai(path = "/:kinds/:namespace/:name/info/lfs/objects/batch", method = "post", operation_id = "lfs_batch")]
    async fn lfs_batch(
        &self,
        call: OpenCall,
        request: &Request,
        kinds: Path<Kinds>,
        namespace: Path<String>,
        name: Path<String>,
        batch: LfsBody<LfsBatch>,
    ) -> LfsAnswer<LfsBatchAnswer> {
        let kind = RepoKind::from(kinds.0);
        let batch = batch.0;
        // git-lfs says `sha256`, huggingface.js `sha_256`.
        if batch.hash_algo.as_deref().is_some_and(|algorithm| !matches!(algorithm, "sha256" | "sha_256")) {
            let refusal = ApiError::new(StatusCode::CONFLICT, "BadRequest", "hash_algo: only sha256 is known");
            return Err(refusal.into());
        }
        let links = Links { base: call.base.clone(), pass: shown_pass(request), xet: None };
        let known: Vec<Option<LfsObject>> =
            batch.objects.iter().map(|object| named(&object.oid, object.size)).collect();
        let objects: Vec<LfsObject> = known.iter().flatten().copied().collect();
        let (transfer, mut answers) = match batch.operation.as_str() {
            "upload" => {
                let to = batch.destination();
                let repository = call.hub.uploading(&call.caller, kind, &namespace, &name, &to).await?;
                let knows = |way: &str| batch.transfers.iter().flatten().any(|transfer| transfer == way);
                let (transfer, uploads, xet) = match knows("xet") {
                    true => {
                        let uploads = repository.lfs_upload_by_xet(&objects).await?;
                        ("xet", uploads, Some(repository.xet_write_token(to).await?))
                    }
                    false => {
                        let uploads = repository.lfs_upload(&objects, knows("multipart")).await?;
                        (if uploads.iter().any(is_in_parts) { "multipart" } else { "basic" }, uploads, None)
                    }
                };
                let verify =
                    call.base.join(&format!("/{}{}.git/info/lfs/objects/verify", kind.url_prefix(), repository.id()));
                let links = Links { xet: xet.map(|token| access(&call.base, token)), ..links };
                let answer = |(object, upload): (&LfsObject, LfsUpload)| links.upload(object, upload, &verify);
                (transfer, objects.iter().zip(uploads).map(answer).collect::<Vec<_>>())
            }
            "download" => {
                let repository = call.hub.downloadable(&call.caller, kind, &namespace, &name).await?;
                let downloads = repository.lfs_download(&objects).await?;
                repository.downloaded(&call.origin(), objects.len() as u64);
                let answer = |(object, download): (&LfsObject, LfsDownload)| links.download(object, download);
                ("basic", objects.iter().zip(downloads).map(answer).collect())
            }
            other => {
                let why = format!("operation: '{}' is neither upload nor download", other.escape_debug());
                return Err(Failure::Invalid(why).into());
            }
        };
        // Objects with a broken name were not asked about; their places in the answer are theirs all the same.
        for (at, _) in known.iter().enumerate().filter(|(_, known)| known.is_none()) {
            answers.insert(at, unnamed(&batch.objects[at].oid, batch.objects[at].size));
        }
        let answer = LfsBatchAnswer { transfer: transfer.to_owned(), objects: answers, hash_algo: "sha256".to_owned() };
        Ok(LfsJson(answer))
    }

    /// Check that a large file arrived
    ///
    /// 404 where it did not, 400 where it has another size.
    #[oai(path = "/:kinds/:namespace/:name/info/lfs/objects/verify", method = "post", operation_id = "lfs_verify")]
    async fn lfs_verify(
        &self,
        call: OpenCall,
        kinds: Path<Kinds>,
        namespace: Path<String>,
        name: Path<String>,
        object: LfsBody<LfsVerify>,
    ) -> LfsAnswer<LfsMessage> {
        let repository = call.hub.proposing(&call.caller, kinds.0.into(), &namespace, &name).await?;
        let sha256: Sha256 = object.0.oid.parse().map_err(Failure::invalid)?;
        repository.lfs_verify(LfsObject { sha256, size: object.0.size }).await?;
        Ok(LfsJson(LfsMessage { message: format!("The object {sha256} is here") }))
    }
}

/// The `Authorization` of who shows a pass.
fn shown_pass(request: &Request) -> Option<String> {
    let shown = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    is_pass(shown.strip_prefix("Bearer ")?).then(|| shown.to_owned())
}

fn named(oid: &str, size: u64) -> Option<LfsObject> {
    Some(LfsObject { sha256: oid.parse().ok()?, size })
}

fn is_in_parts(upload: &LfsUpload) -> bool {
    matches!(upload, LfsUpload::Parts { .. } | LfsUpload::DirectParts { .. })
}

fn refused(oid: String, size: u64, code: u16, message: String) -> LfsObjectAnswer {
    let error = Some(LfsObjectError { code, message });
    LfsObjectAnswer { oid, size, authenticated: None, actions: None, error }
}

fn unnamed(oid: &str, size: u64) -> LfsObjectAnswer {
    let message = "An oid is a SHA-256, written as 64 hexadecimal digits".to_owned();
    refused(oid.chars().take(100).collect(), size, 422, message)
}

/// The URLs under which objects go in and out.
struct Links {
    base: BaseUrl,
    /// What to show for `verify` of who came by SSH, and so has no other credential: the header of this request.
    pass: Option<String>,
    /// For those that go by Xet.
    xet: Option<XetAccess>,
}

impl Links {
    fn object(&self, object: &LfsObject, rest: &str, ticket: &str) -> String {
        self.base.join(&format!("/api/lfs/objects/{}{rest}?ticket={ticket}", object.sha256))
    }

    fn upload(&self, object: &LfsObject, upload: LfsUpload, verify: &str) -> LfsObjectAnswer {
        let (oid, size) = (object.sha256.to_string(), object.size);
        let action = match upload {
            LfsUpload::Stored => {
                return LfsObjectAnswer { oid, size, authenticated: None, actions: None, error: None };
            }
            LfsUpload::WrongSize { size: there } => {
                let message = format!("The object is here with {there} bytes, not {size}");
                return refused(oid, size, 422, message);
            }
            LfsUpload::Xet => self.by_xet(),
            LfsUpload::Whole { ticket, expires } => LfsAction {
                href: self.object(object, "", &ticket),
                header: None,
                expires_at: Some(expires.to_string()),
            },
            LfsUpload::Direct { url, expires } => {
                LfsAction { href: url, header: None, expires_at: Some(expires.to_string()) }
            }
            LfsUpload::DirectParts { ticket, part_size, urls, expires } => {
                let part = |(number, url)| (format!("{number:05}"), url);
                let mut header: BTreeMap<String, String> = (1..).zip(urls).map(part).collect();
                header.insert("chunk_size".to_owned(), part_size.to_string());
                let href = self.object(object, "/complete", &ticket);
                LfsAction { href, header: Some(header), expires_at: Some(expires.to_string()) }
            }
            LfsUpload::Parts { ticket, part_size, parts, expires } => {
                let part =
                    |number: u32| (format!("{number:05}"), self.object(object, &format!("/parts/{number}"), &ticket));
                let mut header: BTreeMap<String, String> = (1..=parts).map(part).collect();
                header.insert("chunk_size".to_owned(), part_size.to_string());
                let href = self.object(object, "/complete", &ticket);
                LfsAction { href, header: Some(header), expires_at: Some(expires.to_string()) }
            }
        };
        let header = self.pass.clone().map(|pass| BTreeMap::from([("Authorization".to_owned(), pass)]));
        let verify = LfsAction { href: verify.to_owned(), header, expires_at: None };
        let actions = LfsActions { upload: Some(action), verify: Some(verify), download: None };
        // Not "authenticated": git-lfs would then send no credentials to `verify` either, which needs them.
        LfsObjectAnswer { oid, size, authenticated: None, actions: Some(actions), error: None }
    }

    fn by_xet(&self) -> LfsAction {
        let header = self.xet.as_ref().map(|access| {
            let pairs = [
                ("X-Xet-Cas-Url", access.cas_url.clone()),
                ("X-Xet-Access-Token", access.access_token.clone()),
                ("X-Xet-Token-Expiration", access.exp.to_string()),
            ];
            pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
        });
        let href = self.xet.as_ref().map_or_else(String::new, |access| access.cas_url.clone());
        LfsAction { href, header, expires_at: None }
    }

    fn download(&self, object: &LfsObject, download: LfsDownload) -> LfsObjectAnswer {
        let oid = object.sha256.to_string();
        let (href, size, expires) = match download {
            LfsDownload::Absent => {
                return refused(oid, object.size, 404, "This repository has no such object".to_owned());
            }
            LfsDownload::Pruned => {
                let why = "This version is not kept any more: this repository keeps the newest ones of each file";
                return refused(oid, object.size, 410, why.to_owned());
            }
            LfsDownload::Available { ticket, size, expires } => (self.object(object, "", &ticket), size, expires),
            LfsDownload::Elsewhere { url, size, expires } => (url, size, expires),
        };
        let action = LfsAction { href, header: None, expires_at: Some(expires.to_string()) };
        let actions = LfsActions { download: Some(action), ..LfsActions::default() };
        LfsObjectAnswer { oid, size, authenticated: Some(true), actions: Some(actions), error: None }
    }
}

/// What makes git and git-lfs ask their user (or their credential helper) who they are.
pub(crate) fn challenge() -> (poem::http::HeaderName, HeaderValue) {
    (header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"Ballast\", charset=\"UTF-8\""))
}

#[cfg(test)]
mod tests {
    use ballast_types::Timestamp;
    use poem_openapi::types::ToJSON;

    use super::*;

    fn links() -> Links {
        let base = BaseUrl::configured("http://h");
        Links { base, pass: None, xet: None }
    }

    const OBJECT: LfsObject = LfsObject { sha256: Sha256([0xab; 32]), size: 12 };

    #[test]
    fn a_stored_object_has_no_actions_at_all() {
        let json = links().upload(&OBJECT, LfsUpload::Stored, "http://h/v").to_json().unwrap();
        assert_eq!(json.as_object().unwrap().keys().collect::<Vec<_>>(), ["oid", "size"]);
    }

    #[test]
    fn an_upload_in_parts_has_a_url_for_each_and_says_how_long_they_are() {
        let parts = LfsUpload::Parts { ticket: "t".to_owned(), part_size: 5, parts: 3, expires: Timestamp(0) };
        let json = links().upload(&OBJECT, parts, "http://h/v").to_json().unwrap();
        let upload = &json["actions"]["upload"];
        let base = format!("http://h/api/lfs/objects/{}", "ab".repeat(32));
        assert_eq!(upload["href"], format!("{base}/complete?ticket=t"));
        assert_eq!(upload["header"]["chunk_size"], "5");
        assert_eq!(upload["header"]["00003"], format!("{base}/parts/3?ticket=t"));
        assert_eq!(upload["header"].as_object().unwrap().len(), 4);
        assert_eq!(json["actions"]["verify"]["href"], "http://h/v");
    }

    #[test]
    fn an_object_that_is_absent_is_an_error_of_its_own() {
        let json = links().download(&OBJECT, LfsDownload::Absent).to_json().unwrap();
        assert_eq!(json["error"]["code"], 404);
        assert!(json.get("actions").is_none());
    }
}
