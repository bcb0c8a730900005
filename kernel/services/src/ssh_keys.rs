//! The caller's own SSH keys.

use ballast_contract::Page;
use ballast_contract::auth::{NewSshKey, SshKeyInfo};
use serde_json::json;
use ssh_key::{Algorithm, HashAlg, PublicKey};

use crate::audit::{By, user_object};
use crate::paging::page_size;
use crate::{Caller, Failure, Hub, Result};

const USUAL_PAGE: usize = 100;
const LONGEST_PAGE: usize = 1000;
/// In characters.
const LONGEST_TITLE: usize = 100;
/// In bytes: a key of 16,384 bits has 2,800.
const LONGEST_KEY: usize = 8 * 1024;

impl Hub {
    /// Lets the caller in by a key from now on. `Invalid` for what is no public key, `Conflict` where anybody has it.
    pub async fn add_ssh_key(&self, caller: &Caller, title: &str, key: &str) -> Result<SshKeyInfo> {
        let known = caller.managing_credentials()?;
        let key = read(title, key)?;
        let (subject, credentials) = self.own_credentials(&known.user).await?;
        let info = credentials.add_ssh_key(&subject, &key).await?;
        let details = json!({ "key": info.id, "title": info.title, "fingerprint": info.fingerprint });
        self.put_on_record(By::Known(known), "ssh_key.add", user_object(&known.user.name), details).await?;
        Ok(info)
    }

    /// The caller's keys, oldest first.
    pub async fn list_ssh_keys(
        &self,
        caller: &Caller,
        after: Option<String>,
        limit: Option<usize>,
    ) -> Result<Page<SshKeyInfo>> {
        let known = caller.managing_credentials()?;
        let (subject, credentials) = self.own_credentials(&known.user).await?;
        Ok(credentials.ssh_keys(&subject, after, page_size(limit, USUAL_PAGE, LONGEST_PAGE)).await?)
    }

    /// One of the caller's keys. `NotFound` where it is not theirs.
    pub async fn get_ssh_key(&self, caller: &Caller, id: i64) -> Result<SshKeyInfo> {
        let known = caller.managing_credentials()?;
        let (subject, credentials) = self.own_credentials(&known.user).await?;
        Ok(credentials.ssh_key(&subject, id).await?)
    }

    /// Removes one of the caller's keys at once. `NotFound` where it is not theirs.
    pub async fn remove_ssh_key(&self, caller: &Caller, id: i64) -> Result<()> {
        let known = caller.managing_credentials()?;
        let (subject, credentials) = self.own_credentials(&known.user).await?;
        credentials.remove_ssh_key(&subject, id).await?;
        let object = user_object(&known.user.name);
        self.put_on_record(By::Known(known), "ssh_key.remove", object, json!({ "key": id })).await
    }
}

/// A line as `ssh-keygen` writes it into a `.pub` file, and what its owner calls it: by default what the line says
/// behind the key.
fn read(title: &str, line: &str) -> Result<NewSshKey> {
    let line = line.trim();
    if line.starts_with("-----BEGIN") {
        return Err(Failure::Invalid("This is a private key: keep it, and send the public one (.pub)".to_owned()));
    }
    let odd = |why: &dyn std::fmt::Display| Failure::Invalid(format!("This is no SSH public key: {why}"));
    if line.len() > LONGEST_KEY || line.contains(['\n', '\r']) {
        return Err(odd(&"it is one line, as in a .pub file"));
    }
    let key = PublicKey::from_openssh(line).map_err(|error| odd(&error))?;
    let login = match key.algorithm() {
        Algorithm::Ed25519 | Algorithm::Ecdsa { .. } | Algorithm::Rsa { .. } => true,
        // No server takes it any more; it is stored because it is somebody's.
        Algorithm::Dsa => false,
        other => {
            let why = format!(
                "'{other}' is not kept here, but ssh-ed25519, ecdsa-sha2-nistp256, -384 and -521, ssh-rsa and ssh-dss are"
            );
            return Err(Failure::Invalid(why));
        }
    };
    let title = if title.trim().is_empty() { key.comment() } else { title.trim() };
    let title = if title.is_empty() { key.algorithm().to_string() } else { title.to_owned() };
    if title.chars().count() > LONGEST_TITLE || title.contains(char::is_control) {
        return Err(Failure::Invalid(format!("A key's title has at most {LONGEST_TITLE} printable characters")));
    }
    let bare = PublicKey::new(key.key_data().clone(), "");
    let public_key = bare.to_openssh().map_err(|error| odd(&error))?;
    let fingerprint = key.fingerprint(HashAlg::Sha256).to_string();
    Ok(NewSshKey { title, key_type: key.algorithm().to_string(), public_key, fingerprint, login })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ED25519: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";

    #[test]
    fn a_line_of_a_pub_file_is_read_with_its_fingerprint() {
        let key = read("", &format!("{ED25519} user@host\n")).unwrap();
        assert_eq!((key.title.as_str(), key.key_type.as_str(), key.login), ("user@host", "ssh-ed25519", true));
        assert_eq!(key.public_key.trim(), ED25519);
        assert_eq!(key.fingerprint, "SHA256:UCUiLr7Pjs9wFFJMDByLgc3NrtdU344OgUM45wZPcIQ");
        assert_eq!(read(" Laptop ", ED25519).unwrap().title, "Laptop");
        assert_eq!(read("", ED25519).unwrap().title, "ssh-ed25519");
    }

    #[test]
    fn what_is_no_public_key_is_refused() {
        let long = format!("{ED25519}{}", "A".repeat(10_000));
        let two = format!("{ED25519}\n{ED25519}");
        for text in ["", "x", "ssh-ed25519", "ssh-ed25519 AAAA", "ssh-rsa !!!", &ED25519[..60], &long, &two] {
            assert!(matches!(read("t", text), Err(Failure::Invalid(_))), "{text}");
        }
        let Err(Failure::Invalid(why)) = read("t", "-----BEGIN OPENSSH PRIVATE KEY-----") else { panic!() };
        assert!(why.contains("private key"));
        assert!(read(&"x".repeat(101), ED25519).is_err());
    }
}
