//! Disks that are full, may only be read, or break.

use ballast_tests::{Answer, Deployment, DiskError, Faults, Hub, Outcome, Repository, Rows, lines, sha256};
use serde_json::json;

use crate::books;

/// A hub with a filled repository, and its disk.
struct Scene {
    faults: Faults,
    deployment: Deployment,
    hub: Hub,
    repository: Repository,
}

impl Scene {
    fn new() -> Self {
        let faults = Faults::new();
        let limited = Deployment::new().set("quota.main.plugin", "quota.ledger");
        let limited = limited.set("quota.main.config.default_public_bytes", "100000000000");
        let deployment = faults.under(&limited);
        let hub = deployment.start();
        let repository = hub.model();
        repository.add("a.txt", "small");
        repository.add_large("m.bin", &[5; 300_000]);
        // The log of the start is long, and a disk that is full takes what is written over it.
        Rows::of(&deployment).cut_log();
        Self { faults, deployment, hub, repository }
    }

    /// All that a client may ask; which of it was done.
    fn write_all(&self, number: usize) -> Vec<Answer> {
        let repository = &self.repository;
        let (small, large) = (format!("small {number}"), vec![number as u8; 400_000 + number]);
        let oid = sha256(&large);
        let asked = json!({ "operation": "upload", "transfers": ["basic"],
                            "objects": [{ "oid": oid, "size": large.len() }] });
        let mut answers = vec![repository.batch(&asked)];
        let target = answers[0].json()["objects"][0]["actions"]["upload"]["href"].as_str().map(str::to_owned);
        if let Some(link) = target {
            let put = repository.client.anonymous().put(repository.client.target(&link)).body(&large).send();
            if put.status == 200 {
                let line = lines::large_file(&format!("m{number}.bin"), &oid, large.len());
                answers.push(repository.commit(&[line]));
            }
            answers.push(put);
        }
        answers.push(repository.commit(&[lines::file(&format!("s{number}.txt"), small)]));
        answers.push(repository.client.post(repository.api(&format!("/branch/b{number}"))).send());
        let new = json!({ "name": format!("admin/new{number}"), "type": "model" });
        answers.push(repository.client.post("/api/repos/create").json(&new).send());
        answers
    }

    fn reads(&self) {
        assert_eq!(self.repository.read("a.txt"), b"small");
        assert_eq!(self.repository.read("m.bin"), [5; 300_000]);
        self.repository.state();
    }

    /// All works again, also after the hub was killed, and nothing is held.
    fn recovers(self, number: usize) {
        for answer in self.write_all(number) {
            answer.expect(200);
        }
        let state = self.repository.state();
        self.hub.kill();
        for hours in [400, 800] {
            self.faults.advance(hours);
            let hub = self.deployment.start();
            let rows = Rows::of(&self.deployment);
            books::wait_until_nothing_is_under_way(&rows, || hub.log());
            books::agree(&rows);
            let repository = self.repository.seen_by(&hub.admin());
            assert_eq!(repository.state(), state);
            if hours == 800 {
                books::wait_until_files_are_rows(&rows, &self.deployment.data().join("storage"));
            }
            hub.kill();
        }
    }
}

/// A refusal that says what is wrong, and is not taken for a fault of the hub.
#[track_caller]
fn is_clean(answer: &Answer, refusals: &[(u16, &str)]) {
    if answer.status == 200 {
        return;
    }
    let code = answer.header("x-error-code").unwrap_or_default().to_owned();
    assert!(
        refusals.contains(&(answer.status, &code)),
        "{}: {} {code}: {}",
        answer.asked,
        answer.status,
        answer.text()
    );
    let sentence = answer.clone().refused(answer.status, &code);
    assert!(!sentence.contains("/dev/shm") && !sentence.contains("os error"), "{sentence}");
}

const FULL: (u16, &str) = (507, "InsufficientStorage");
const UNAVAILABLE: (u16, &str) = (503, "Unavailable");

/// While a disk is so, each write is refused with this and changes nothing, and all is read; afterwards all works.
fn refuses_until_it_is_mended(refusal: (u16, &str), break_it: impl Fn(&Faults), mend_it: impl Fn(&Faults)) {
    let scene = Scene::new();
    let before = scene.repository.state();
    break_it(&scene.faults);
    for answer in scene.write_all(0) {
        is_clean(&answer, &[refusal]);
        assert_eq!(answer.status, refusal.0, "{}", answer.asked);
    }
    scene.reads();
    assert_eq!(scene.repository.state(), before);
    mend_it(&scene.faults);
    scene.recovers(1);
}

#[test]
fn a_full_disk_refuses_writes_and_goes_on_reading() {
    refuses_until_it_is_mended(FULL, |disk| disk.leave_room(Some(0)), |disk| disk.leave_room(None));
}

#[test]
fn a_disk_that_may_only_be_read_is_read() {
    let read_only = |disk: &Faults| disk.fail_writes(Some(DiskError::ReadOnly));
    refuses_until_it_is_mended(UNAVAILABLE, read_only, |disk| disk.fail_writes(None));
}

#[test]
fn what_could_not_be_synced_is_not_acknowledged() {
    let broken = |disk: &Faults| disk.fail_syncs(Some(DiskError::Broken));
    refuses_until_it_is_mended(UNAVAILABLE, broken, |disk| disk.fail_syncs(None));
}

#[test]
fn wherever_a_disk_becomes_full_an_answer_is_right() {
    let scene = Scene::new();
    let mut refused = 0;
    for number in 0..24 {
        // Ever more room, from nothing to enough for everything.
        scene.faults.leave_room(Some([0, 5_000, 30_000, 100_000, 390_000, 420_000][number % 6] + 700 * number as u64));
        for answer in scene.write_all(number) {
            is_clean(&answer, &[FULL, UNAVAILABLE]);
            refused += usize::from(answer.status != 200);
        }
        scene.reads();
        let paths = scene.repository.paths();
        scene.faults.leave_room(None);
        for path in paths {
            scene.repository.read(&path);
        }
    }
    assert!(refused > 24, "{refused} refusals");
    scene.recovers(100);
}

fn serve(deployment: &Deployment) -> Outcome {
    deployment.run(["serve", "--listen", "127.0.0.1:0"]).ended(1)
}

#[test]
fn a_start_without_a_disk_to_write_to_says_so() {
    let faults = Faults::new();
    let used = faults.under(&Deployment::new());
    used.start().stop();
    for deployment in [used, faults.under(&Deployment::new())] {
        let folder = deployment.data().display().to_string();
        faults.fail_writes(Some(DiskError::ReadOnly));
        let said = serve(&deployment).errors;
        assert!(said.contains(&folder) && said.contains("writable"), "{said}");
        faults.fail_writes(None);
        faults.leave_room(Some(0));
        let said = serve(&deployment).errors;
        assert!(said.contains("room") && said.contains(&folder), "{said}");
        faults.leave_room(None);
        deployment.start().model().add("a.txt", "it goes on");
    }
}
