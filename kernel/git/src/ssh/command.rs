//! The commands that git and git-lfs send.

use ballast_types::RepoKind;

use crate::Service;

/// What a client wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    Serve(Service, Place),
    /// `git-lfs-authenticate`: where to go by HTTP, and with what.
    Authenticate {
        place: Place,
        writes: bool,
    },
}

/// A repository as the client wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub kind: RepoKind,
    pub namespace: String,
    pub name: String,
}

/// Reads a command line; the error is for a person.
pub fn parse(line: &str) -> Result<Command, String> {
    let unknown = || {
        format!(
            "'{}' is no command here: git fetches, pushes and authenticates git-lfs, and nothing else",
            line.escape_debug()
        )
    };
    let (program, rest) = line.split_once(' ').ok_or_else(unknown)?;
    let (program, rest) = match (program, rest.split_once(' ')) {
        // As git itself may be called: `git upload-pack`.
        ("git", Some((command, rest))) => (format!("git-{command}"), rest),
        _ => (program.to_owned(), rest),
    };
    if program == "git-lfs-authenticate" {
        let (path, operation) = rest.rsplit_once(' ').ok_or_else(unknown)?;
        // Old versions say the object's id behind it.
        let (path, operation) = match path.rsplit_once(' ') {
            Some((path, before)) if matches!(before, "upload" | "download") => (path, before),
            _ => (path, operation),
        };
        let writes = match operation {
            "upload" => true,
            "download" => false,
            _ => return Err(unknown()),
        };
        return Ok(Command::Authenticate { place: place(path)?, writes });
    }
    let service = Service::named(&program).ok_or_else(unknown)?;
    Ok(Command::Serve(service, place(rest)?))
}

/// `'/datasets/acme/corpus.git'`
fn place(text: &str) -> Result<Place, String> {
    let bare = text.trim();
    let bare = bare.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')).unwrap_or(bare);
    let bare = bare.trim_matches('/');
    let bare = bare.strip_suffix(".git").unwrap_or(bare);
    let parts: Vec<&str> = bare.split('/').collect();
    let (kind, rest) = match parts.as_slice() {
        [kind, rest @ ..] if rest.len() == 2 => (RepoKind::ALL.into_iter().find(|known| known.plural() == *kind), rest),
        rest => (Some(RepoKind::Model), rest),
    };
    match (kind, rest) {
        (Some(kind), [namespace, name]) if !namespace.is_empty() && !name.is_empty() => {
            Ok(Place { kind, namespace: (*namespace).to_owned(), name: (*name).to_owned() })
        }
        _ => Err(format!(
            "'{}' is no repository's path: it is namespace/name, for a dataset datasets/namespace/name",
            bare.escape_debug()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(kind: RepoKind) -> Place {
        Place { kind, namespace: "acme".to_owned(), name: "bert".to_owned() }
    }

    #[test]
    fn commands_are_read_as_git_and_git_lfs_write_them() {
        let fetch = |kind| Ok(Command::Serve(Service::UploadPack, at(kind)));
        for line in ["git-upload-pack '/acme/bert.git'", "git-upload-pack 'acme/bert'", "git upload-pack acme/bert/"] {
            assert_eq!(parse(line), fetch(RepoKind::Model), "{line}");
        }
        assert_eq!(parse("git-upload-pack '/datasets/acme/bert'"), fetch(RepoKind::Dataset));
        let push = Ok(Command::Serve(Service::ReceivePack, at(RepoKind::Space)));
        assert_eq!(parse("git-receive-pack 'spaces/acme/bert.git'"), push);
        let authenticate = |writes| Ok(Command::Authenticate { place: at(RepoKind::Model), writes });
        assert_eq!(parse("git-lfs-authenticate acme/bert.git upload"), authenticate(true));
        assert_eq!(parse("git-lfs-authenticate '/acme/bert.git' download"), authenticate(false));
        assert_eq!(parse("git-lfs-authenticate acme/bert download 0a1b"), authenticate(false));
    }

    #[test]
    fn what_is_no_command_of_theirs_is_refused() {
        for line in [
            "",
            "sh",
            "rm -rf /",
            "git-upload-archive 'a/b'",
            "git-upload-pack",
            "git-upload-pack ''",
            "git-upload-pack '/a'",
            "git-upload-pack 'things/a/b'",
            "git-lfs-authenticate a/b steal",
            "git-lfs-transfer a/b upload",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
