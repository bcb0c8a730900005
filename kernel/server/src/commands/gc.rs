//! `ballast gc …`

use std::time::Duration;

use ballast_services::{Collected, Explained, LeaseStory, ObjectStory, Operator, Outlook, Plan};
use ballast_types::{RepoKey, Sha256};

use super::with_hub;
use crate::cli::{Gc, Options};
use crate::exit::Exit;
use crate::output;

/// Does what is asked of the garbage collection.
pub fn run(options: &Options, command: Gc) -> Result<(), Exit> {
    with_hub(options, async |hub| {
        let operator = hub.operator();
        match command {
            Gc::Plan { grace } => plan(&operator, grace).await,
            Gc::Explain { what } => explain(&operator, &what).await,
            Gc::Run { grace, shorten_grace } => {
                check_grace(hub.settings().grace, grace, shorten_grace)?;
                let collected = operator.collect(grace).await.map_err(Exit::failure)?;
                output::print(&table(&collected))?;
                match collected.content.failed {
                    0 => Ok(()),
                    n => Err(Exit::failure(format!("{n} objects could not be deleted or rewritten; run it again"))),
                }
            }
        }
    })
}

/// A shorter grace is safe for what is committed or leased, and may make uploads that are under way send bytes twice.
fn check_grace(configured: Duration, asked: Option<Duration>, accepted: bool) -> Result<(), Exit> {
    match asked {
        Some(asked) if asked < configured && !accepted => Err(Exit::failure(format!(
            "the grace of {} is shorter than the configured {}: clients that were told that bytes are here may have to send \
             them again, and deleted repositories cannot be got back from the storage. Say --shorten-grace to do it",
            output::duration(asked),
            output::duration(configured)
        ))),
        _ => Ok(()),
    }
}

async fn plan(operator: &Operator, grace: Option<Duration>) -> Result<(), Exit> {
    let Plan { collected, overdue, grace } = operator.plan_collection(grace).await.map_err(Exit::failure)?;
    let mut text = format!(
        "A collection now, with a grace of {} after the last name for something, would do this:\n",
        output::duration(grace)
    );
    if overdue > 0 {
        text += &format!(
            "{overdue} operations past their deadline would be ended first; what they hold counts as needed\n"
        );
    }
    output::print(&(text + &table(&collected)))
}

fn table(collected: &Collected) -> String {
    if collected.is_nothing() {
        return "nothing to collect\n".to_owned();
    }
    let Collected { released, released_bytes, content, engine } = collected;
    let mut rows = vec![["WHAT", "COUNT", "BYTES", "WHY"].map(str::to_owned)];
    let mut row = |what: &str, count: u64, bytes: Option<u64>, why: &str| {
        if count > 0 {
            let bytes = bytes.map(output::size).unwrap_or_default();
            rows.push([what.to_owned(), count.to_string(), bytes, why.to_owned()]);
        }
    };
    row("let go", *released, Some(*released_bytes), "no commit of their repository names them; their grace begins");
    row("leases ended", content.leases, None, "their uploads took too long or were given up");
    row("blobs removed", content.blobs, Some(content.bytes), "nobody has named them for the grace");
    row("packs rewritten", content.compacted, None, "more than half of each was gone");
    row(
        "objects deleted",
        content.objects,
        Some(content.freed),
        "they hold nothing that anybody needs; less what was rewritten",
    );
    if let Some(engine) = engine {
        row("engine's pieces", engine.removed, Some(engine.bytes), "no kept commit leads to them");
    }
    output::columns(&rows)
}

async fn explain(operator: &Operator, what: &str) -> Result<(), Exit> {
    if let Ok(sha256) = what.parse::<Sha256>() {
        return match operator.explain_blob(sha256).await.map_err(Exit::failure)? {
            Some(explained) => output::print(&blob_text(&explained)),
            None => Err(Exit::failure(format!("no blob {sha256} is stored: it was never uploaded, or is collected"))),
        };
    }
    let objects = operator.explain_object(what).await.map_err(Exit::failure)?;
    match objects.is_empty() {
        true => Err(Exit::failure(format!(
            "'{what}' is neither a SHA-256 nor the key of an object that this hub knows; `ballast storage verify` lists \
             objects that nobody knows"
        ))),
        false => output::print(&objects.iter().map(object_text).collect::<String>()),
    }
}

fn blob_text(explained: &Explained) -> String {
    let story = &explained.story;
    let mut text = format!("blob {}, {} bytes\n", story.blob.sha256, story.blob.size);
    for place in &story.places {
        let pack = if place.packed { ", a pack" } else { "" };
        let damaged = place.damaged.map(|since| format!("; found damaged at {since}, and not served since"));
        let spare = place.spare.map(|since| format!("; set aside at {since}, because it lies in chunks as well"));
        let notes = [damaged, spare].into_iter().flatten().collect::<String>();
        text += &format!("  lies in storage '{}' as {}{pack}{notes}\n", place.storage, place.key);
    }
    if story.in_xorbs > 0 {
        text += &format!("  lies as chunks of {} xorbs\n", story.in_xorbs);
    }
    if let Some(xorb) = &story.xorb {
        text += &format!("  is the xorb {}, of which {} files have chunks\n", xorb.xorb, xorb.files);
    }
    if !explained.users.is_empty() {
        text += &format!("  these files are held by {}\n", explained.users.join(", "));
    }
    for holder in &explained.holders {
        let named = if holder.named { "its history names it" } else { "its history names it no more" };
        let pending = if holder.story.pending.is_some() { ", by a commit that is not confirmed yet" } else { "" };
        text += &format!("  held by {} since {}{pending}: {named}\n", holder.name, holder.story.since);
    }
    for (lease, name) in &explained.leases {
        text += &format!("  leased until {} {}\n", lease.expires, for_whom(lease, name));
    }
    let outlook = match explained.outlook {
        Outlook::Kept => "kept: a history names it".to_owned(),
        Outlook::Used => "kept: files that are kept have chunks in it".to_owned(),
        Outlook::Remembered { until } => format!("kept until {until} at least: clients were told that it is here"),
        Outlook::Leased { until } => format!("kept until {until} at least: an upload or a commit has leased it"),
        Outlook::Released => "held without need: the next collection lets go of it, and its grace begins".to_owned(),
        Outlook::Going { after } => format!("goes: nobody names it, and the first collection after {after} removes it"),
    };
    text + &outlook + "\n"
}

fn for_whom(lease: &LeaseStory, name: &str) -> String {
    match lease.repo {
        RepoKey(0) => "by the hub, which is rewriting its pack".to_owned(),
        _ => format!("for {name}"),
    }
}

fn object_text(object: &ObjectStory) -> String {
    let what = if object.packed { "pack" } else { "object" };
    let mut text = format!("{what} {} in storage '{}', begun at {}\n", object.key, object.storage, object.created);
    if object.count > 0 {
        text += &format!("  {} bytes, {} of them gone, {} blobs\n", object.size, object.gone, object.count);
    }
    text.extend(object.blobs.iter().map(|sha256| format!("  blob {sha256}\n")));
    let outlook = match (object.deleting, object.count, object.writing) {
        (true, ..) => "goes: nothing names it, and the next collection deletes it".to_owned(),
        (_, count, _) if count > 0 => {
            "kept as long as one of its blobs is: `ballast gc explain` with a blob's digest".to_owned()
        }
        (_, _, Some((_, Some(until)))) => format!("kept until {until} at least: somebody is writing it"),
        _ => "goes: its upload was given up, and it is deleted once the grace is over".to_owned(),
    };
    text + &outlook + "\n"
}
