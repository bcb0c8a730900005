//! What the clients of the Hub may ask for and this hub does not do: answered with 501 and a sentence, so that nobody
//! takes it for a mistake in an address, and listed in the document as `x-declined`.

use serde_json::{Value, json};

const BUCKETS: &str = "This hub has no buckets: keep files in a model, a dataset or a space";
const KERNELS: &str = "This hub keeps models, datasets and spaces, and no kernels";
const JOBS: &str = "This hub runs no jobs";
const SPACES: &str = "This hub keeps spaces and runs none";
const GROUPS: &str = "This hub has no resource groups: an organisation's members share its repositories";
const TAGS: &str = "This hub keeps no list of all tags: a repository's own stand in its card";
const OPENID: &str = "This hub is no OpenID provider: programs log in by /oauth/device";

/// Addresses and why they lead nowhere: `*` is any one segment, and `**` at the end any number of them.
const DECLINED: &[(&str, &str)] = &[
    ("/api/buckets/**", BUCKETS),
    ("/buckets/**", BUCKETS),
    ("/api/kernels/**", KERNELS),
    ("/kernels/**", KERNELS),
    ("/api/jobs/**", JOBS),
    ("/api/scheduled-jobs/**", JOBS),
    ("/api/spaces/hardware", SPACES),
    ("/api/spaces/*/*/runtime", SPACES),
    ("/api/spaces/*/*/hardware", SPACES),
    ("/api/spaces/*/*/sleeptime", SPACES),
    ("/api/spaces/*/*/pause", SPACES),
    ("/api/spaces/*/*/restart", SPACES),
    ("/api/spaces/*/*/dev-mode", SPACES),
    ("/api/spaces/*/*/secrets", SPACES),
    ("/api/spaces/*/*/variables", SPACES),
    ("/api/spaces/*/*/volumes", SPACES),
    ("/api/spaces/*/*/logs/**", SPACES),
    ("/api/spaces/templates", "This hub has no templates of spaces: duplicate one"),
    ("/api/spaces/semantic-search", "This hub looks for words and not for meanings: list spaces with `search`"),
    ("/api/models-tags-by-type", TAGS),
    ("/api/datasets-tags-by-type", TAGS),
    ("/api/datasets/*/*/leaderboard", "This hub keeps no leaderboards"),
    (
        "/api/models/*/*/safetensors-metadata/**",
        "This hub does not read weights: clients read the headers themselves, by Range",
    ),
    ("/api/collections/*/*/resource-group", GROUPS),
    ("/api/*/*/*/resource-group", GROUPS),
    ("/api/papers/**", "This hub knows no papers"),
    ("/papers/**", "This hub knows no papers"),
    ("/api/daily_papers/**", "This hub knows no papers"),
    ("/uploads", "This hub keeps no attachments: put the picture into a repository and link to it"),
    ("/oauth/authorize", OPENID),
    ("/oauth/userinfo", OPENID),
    ("/.well-known/openid-configuration", OPENID),
];

/// Why an address leads nowhere, where it is one of those.
pub(crate) fn why(path: &str) -> Option<&'static str> {
    let path = path.trim_end_matches('/');
    DECLINED.iter().find(|(pattern, _)| fits(pattern, path)).map(|(_, why)| *why)
}

fn fits(pattern: &str, path: &str) -> bool {
    let (pattern, open) = match pattern.strip_suffix("/**") {
        Some(beginning) => (beginning, true),
        None => (pattern, false),
    };
    let mut segments = path.split('/');
    let begins = pattern.split('/').all(|wanted| segments.next().is_some_and(|found| wanted == "*" || wanted == found));
    begins && (open || segments.next().is_none())
}

/// The list, for the document.
pub(crate) fn listed() -> Value {
    DECLINED.iter().map(|(path, why)| json!({ "path": path, "why": why })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_declined_with_its_own_reason_and_its_neighbours_are_not() {
        for (path, reason) in [
            ("/api/buckets", BUCKETS),
            ("/api/buckets/me/one/tree/a/b", BUCKETS),
            ("/api/jobs/ada/0123/logs", JOBS),
            ("/api/spaces/a/b/secrets", SPACES),
            ("/api/spaces/a/b/logs/build", SPACES),
            ("/api/collections/a/b-1/resource-group", GROUPS),
            ("/api/models/a/b/resource-group", GROUPS),
            ("/uploads/", "This hub keeps no attachments: put the picture into a repository and link to it"),
        ] {
            assert_eq!(why(path), Some(reason), "{path}");
        }
        for path in
            ["/api/bucket", "/api/spaces/a/b", "/api/spaces/a/b/secrets/c", "/api/models/a/runtime", "/", "/uploads/x"]
        {
            assert_eq!(why(path), None, "{path}");
        }
    }
}
