//! SSH keys of one's own.

use ballast_tests::{Client, Hub};
use serde_json::{Value, json};

const ED25519: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";
const FINGERPRINT: &str = "SHA256:UCUiLr7Pjs9wFFJMDByLgc3NrtdU344OgUM45wZPcIQ";

fn add(client: &Client, body: Value) -> ballast_tests::Answer {
    client.post("/api/user/keys").json(&body).send()
}

#[test]
fn a_key_is_added_shown_listed_and_removed() {
    let hub = Hub::shared();
    let (_, ada) = hub.user("admin");
    let (_, bob) = hub.user("admin");
    let key = format!("{ED25519} ada@laptop");
    let added = add(&ada, json!({ "title": "My laptop", "key": key })).ok();
    assert_eq!((&added["title"], &added["key_type"]), (&json!("My laptop"), &json!("ssh-ed25519")));
    assert_eq!((&added["fingerprint"], &added["last_used"]), (&json!(FINGERPRINT), &Value::Null));
    assert_eq!(added["usable_for_login"], true);
    let target = format!("/api/user/keys/{}", added["id"]);
    assert_eq!(ada.get(&target).send().ok(), added);
    assert_eq!(ada.get("/api/user/keys").send().ok(), json!([added]));
    // Anybody's once is everybody's: who has it could not be told otherwise.
    for client in [&ada, &bob] {
        add(client, json!({ "title": "again", "key": ED25519 })).refused(409, "Conflict");
    }
    bob.get(&target).send().refused(404, "NotFound");
    bob.delete(&target).send().refused(404, "NotFound");
    assert_eq!(bob.get("/api/user/keys").send().ok(), json!([]));
    ada.delete(&target).send().expect(200);
    ada.delete(&target).send().refused(404, "NotFound");
    add(&bob, json!({ "key": key })).expect(200);
    assert_eq!(bob.get("/api/user/keys").send().ok()[0]["title"], "ada@laptop");
    bob.delete(format!("/api/user/keys/{}", bob.get("/api/user/keys").send().ok()[0]["id"])).send().expect(200);
}

/// A public key in the form of its type, of bytes that nobody has the other half of.
fn line(kind: &str, parts: &[&[u8]]) -> String {
    use base64::Engine as _;
    let strings = [kind.as_bytes()].into_iter().chain(parts.iter().copied());
    let bytes: Vec<u8> =
        strings.flat_map(|part| [&u32::try_from(part.len()).unwrap().to_be_bytes()[..], part].concat()).collect();
    format!("{kind} {}", base64::engine::general_purpose::STANDARD.encode(bytes))
}

#[test]
fn keys_of_every_type_are_kept_and_those_of_an_outdated_one_marked() {
    let hub = Hub::shared();
    let (_, ada) = hub.user("admin");
    let number = |length: usize| [&[0x7f][..], &vec![0x11; length - 1]].concat();
    let dss = line("ssh-dss", &[&number(128), &number(20), &number(128), &number(128)]);
    let rsa = line("ssh-rsa", &[&[1, 0, 1], &number(256)]);
    // An uncompressed point: a four, and two numbers of the curve's length.
    let ecdsa = |curve: &str, length: usize| {
        line(&format!("ecdsa-sha2-{curve}"), &[curve.as_bytes(), &[&[4][..], &vec![0x22; 2 * length]].concat()])
    };
    for (key, kind, login) in [
        (dss, "ssh-dss", false),
        (rsa, "ssh-rsa", true),
        (ecdsa("nistp256", 32), "ecdsa-sha2-nistp256", true),
        (ecdsa("nistp384", 48), "ecdsa-sha2-nistp384", true),
        (ecdsa("nistp521", 66), "ecdsa-sha2-nistp521", true),
    ] {
        let added = add(&ada, json!({ "title": "t", "key": key })).ok();
        assert_eq!((&added["key_type"], &added["usable_for_login"]), (&json!(kind), &json!(login)));
    }
}

#[test]
fn what_is_no_public_key_is_refused() {
    let hub = Hub::shared();
    let (_, ada) = hub.user("admin");
    for key in
        ["", "nonsense", "ssh-ed25519", "ssh-ed25519 AAAA", "-----BEGIN OPENSSH PRIVATE KEY-----", &ED25519[..50]]
    {
        add(&ada, json!({ "title": "t", "key": key })).refused(400, "BadRequest");
    }
    add(&ada, json!({ "title": "x".repeat(101), "key": ED25519 })).refused(400, "BadRequest");
    add(&ada, json!({ "title": "t" })).refused(400, "BadRequest");
    assert_eq!(ada.get("/api/user/keys").send().ok(), json!([]));
    let (_, writer) = hub.user("write");
    add(&writer, json!({ "title": "t", "key": ED25519 })).refused(403, "Forbidden");
    hub.client().get("/api/user/keys").send().refused(401, "Unauthorized");
}
