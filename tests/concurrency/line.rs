//! The checker for a branch that is only committed to.
//!
//! Each commit has an id of its own and names its parent, so the branch's line of commits, read at the end, *is* the
//! order in which the writes happened. What is left to check is that this order agrees with everything that clients
//! saw: for each commit there must be a moment at which it became the tip, between the beginning of its write and the
//! acknowledgement, the moments in the order of the line, and every read and every refusal fitting in between. That
//! takes one pass: of each commit's moment the earliest and the latest possible are known, and moments in order exist
//! if and only if no commit's earliest, which is at least that of every commit before it, is past its latest.

use std::collections::HashMap;

use crate::history::{Call, Event, Id, Impossible, Moment, Reply};

/// One commit of the line as it was at the end, oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    pub id: Id,
    /// The mark in its message.
    pub mark: String,
}

/// When a commit became the tip, as far as it is known, and by which events.
#[derive(Clone, Default)]
struct Window<'a> {
    earliest: Bound<'a>,
    latest: Option<Bound<'a>>,
}

#[derive(Clone, Copy, Default)]
struct Bound<'a> {
    moment: Moment,
    by: Option<&'a Event>,
}

impl<'a> Window<'a> {
    fn not_before(&mut self, moment: Moment, by: &'a Event) {
        if moment > self.earliest.moment {
            self.earliest = Bound { moment, by: Some(by) };
        }
    }

    fn not_after(&mut self, moment: Moment, by: &'a Event) {
        if moment < self.latest.map_or(Moment::MAX, |latest| latest.moment) {
            self.latest = Some(Bound { moment, by: Some(by) });
        }
    }
}

/// Checks a history of one branch against its line. Commits of the line before the first that an event made were there
/// at the beginning.
pub fn check(line: &[Link], events: &[Event]) -> Result<(), Impossible> {
    let mut places = HashMap::with_capacity(line.len());
    for (place, link) in line.iter().enumerate() {
        if places.insert(link.id.as_str(), place).is_some() {
            return Err(Impossible(format!("the commit {} stands in the line twice", link.id)));
        }
    }
    let mut windows = vec![Window::default(); line.len()];
    writes(line, &places, events, &mut windows)?;
    for event in events {
        look(event, &places, &mut windows)?;
    }
    in_order(line, &windows)
}

/// What acknowledged, refused and unknown writes say about the line.
fn writes<'a>(
    line: &[Link],
    places: &HashMap<&str, usize>,
    events: &'a [Event],
    windows: &mut [Window<'a>],
) -> Result<(), Impossible> {
    let mut marked: HashMap<&str, usize> = HashMap::new();
    for (place, link) in line.iter().enumerate() {
        if let Some(first) = marked.insert(&link.mark, place) {
            return Err(Impossible(format!(
                "'{}' was written twice: as {} and as {}",
                link.mark, line[first].id, link.id
            )));
        }
    }
    for event in events {
        let Call::Commit { mark, on } = &event.call else { continue };
        let place = match (&event.reply, marked.get(mark.as_str())) {
            (Reply::Made(id), Some(place)) if places.get(id.as_str()) == Some(place) => *place,
            (Reply::Made(id), _) => return Err(Impossible(format!("the commit {id} is lost: {event}"))),
            (Reply::Unknown, Some(place)) => *place,
            (Reply::Unknown, None) => continue,
            (_, Some(place)) => {
                return Err(Impossible(format!("refused, and made all the same as {}: {event}", line[*place].id)));
            }
            (_, None) => continue,
        };
        let parent = place.checked_sub(1).map(|before| &line[before].id);
        if on.is_some() && on.as_ref() != parent {
            return Err(Impossible(format!("made on {parent:?}: {event}")));
        }
        windows[place].not_before(event.begun, event);
        windows[place].not_after(event.latest(), event);
    }
    Ok(())
}

/// What a read, or a refusal, says about the moments of the commits around it.
fn look<'a>(event: &'a Event, places: &HashMap<&str, usize>, windows: &mut [Window<'a>]) -> Result<(), Impossible> {
    match (&event.call, &event.reply) {
        (_, Reply::Unknown) | (Call::Commit { .. }, Reply::Made(_)) => {}
        (Call::Read, Reply::At(Some(id))) => {
            let Some(place) = places.get(id.as_str()) else {
                return Err(Impossible(format!("the branch never stood there: {event}")));
            };
            windows[*place].not_after(event.ended, event);
            if let Some(next) = windows.get_mut(place + 1) {
                next.not_before(event.begun, event);
            }
        }
        (Call::Commit { on: Some(parent), .. }, Reply::Moved) => {
            let Some(place) = places.get(parent.as_str()) else { return Ok(()) };
            // Whoever names a parent has seen it; where that is not on record, it may not have been the tip yet.
            let was_tip = windows[*place].latest.is_none_or(|latest| latest.moment <= event.begun);
            match windows.get_mut(place + 1) {
                Some(next) if was_tip => next.not_after(event.ended, event),
                None if was_tip => {
                    return Err(Impossible(format!("refused, and the branch never moved on from there: {event}")));
                }
                _ => {}
            }
        }
        _ => return Err(Impossible(format!("no answer to such a call on a branch that is there: {event}"))),
    }
    Ok(())
}

fn in_order(line: &[Link], windows: &[Window<'_>]) -> Result<(), Impossible> {
    let (mut earliest, mut of) = (Bound::default(), 0);
    for (place, window) in windows.iter().enumerate() {
        if window.earliest.moment > earliest.moment {
            (earliest, of) = (window.earliest, place);
        }
        let Some(latest) = window.latest.filter(|latest| latest.moment < earliest.moment) else { continue };
        let told = |bound: Bound<'_>| bound.by.map(|event| event.to_string()).unwrap_or_default();
        return Err(Impossible(format!(
            "{} was the tip at {} at the latest [{}], and {}, number {of} of the line, not before {} [{}]; this is \
             number {place}",
            line[place].id,
            latest.moment,
            told(latest),
            line[of].id,
            earliest.moment,
            told(earliest),
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(name: &str) -> Link {
        Link { id: name.to_owned(), mark: format!("mark {name}") }
    }

    fn line(names: &[&str]) -> Vec<Link> {
        names.iter().map(|name| link(name)).collect()
    }

    fn event(call: Call, reply: Reply, begun: Moment, ended: Moment) -> Event {
        Event { client: 1, call, reply, begun, ended }
    }

    fn commit(name: &str, on: Option<&str>) -> Call {
        Call::Commit { mark: format!("mark {name}"), on: on.map(str::to_owned) }
    }

    fn made(name: &str, on: Option<&str>, begun: Moment, ended: Moment) -> Event {
        event(commit(name, on), Reply::Made(name.to_owned()), begun, ended)
    }

    fn read(name: &str, begun: Moment, ended: Moment) -> Event {
        event(Call::Read, Reply::At(Some(name.to_owned())), begun, ended)
    }

    #[track_caller]
    fn wrong(names: &[&str], events: &[Event], word: &str) {
        let found = check(&line(names), events).expect_err("a wrong history");
        assert!(found.0.contains(word), "{found}");
    }

    #[test]
    fn a_right_history_is_right() {
        let events = [
            read("0", 1, 2),
            made("a", Some("0"), 3, 6),
            made("b", None, 4, 9),
            read("0", 4, 5),
            read("a", 5, 8),
            event(commit("c", Some("0")), Reply::Moved, 5, 7),
            event(commit("d", None), Reply::Unknown, 5, 6),
            event(commit("e", None), Reply::Unknown, 5, 6),
            read("b", 9, 10),
            read("e", 20, 21),
        ];
        check(&line(&["0", "a", "b", "e"]), &events).unwrap();
    }

    #[test]
    fn an_acknowledged_write_that_is_not_in_the_line_is_lost() {
        wrong(&["0", "b"], &[made("a", None, 1, 2), made("b", None, 3, 4)], "lost");
    }

    #[test]
    fn two_writes_on_one_parent_are_a_lost_update_also_where_both_are_kept() {
        wrong(&["0", "a", "b"], &[made("a", Some("0"), 1, 5), made("b", Some("0"), 1, 5)], "made on Some(\"a\")");
    }

    #[test]
    fn a_write_that_happened_twice_is_noticed() {
        let twice = [link("0"), link("a"), Link { id: "a again".to_owned(), ..link("a") }];
        let found = check(&twice, &[made("a", None, 1, 2)]).unwrap_err();
        assert!(found.0.contains("written twice"), "{found}");
    }

    #[test]
    fn a_refused_write_that_happened_is_noticed() {
        let refused = event(commit("a", Some("0")), Reply::Moved, 1, 2);
        wrong(&["0", "a"], &[refused], "refused, and made all the same");
    }

    #[test]
    fn a_read_of_what_was_overwritten_before_it_began_is_stale() {
        wrong(&["0", "a"], &[made("a", None, 1, 2), read("0", 3, 4)], "at the latest");
        // Also where only another reader knows that it was overwritten.
        let unknown = event(commit("a", None), Reply::Unknown, 1, 2);
        wrong(&["0", "a"], &[unknown, read("a", 3, 4), read("0", 5, 6)], "at the latest");
    }

    #[test]
    fn a_read_of_what_was_not_written_yet_or_never_is_noticed() {
        wrong(&["0", "a"], &[read("a", 1, 2), made("a", None, 3, 4)], "at the latest");
        wrong(&["0"], &[read("x", 1, 2)], "never stood there");
    }

    #[test]
    fn readers_may_not_disagree_about_the_order() {
        let events = [made("a", None, 1, 20), made("b", None, 1, 20), read("b", 2, 3), read("a", 4, 5)];
        wrong(&["0", "a", "b"], &events, "at the latest");
    }

    #[test]
    fn writes_that_do_not_overlap_stand_in_their_order() {
        wrong(&["0", "b", "a"], &[made("a", None, 1, 2), made("b", None, 3, 4)], "at the latest");
    }

    #[test]
    fn a_refusal_needs_somebody_who_was_faster() {
        let refused = |begun, ended| event(commit("c", Some("a")), Reply::Moved, begun, ended);
        let (seen, faster) = (read("a", 2, 3), made("b", None, 10, 12));
        check(&line(&["0", "a", "b"]), &[seen.clone(), refused(4, 11), faster.clone()]).unwrap();
        wrong(&["0", "a", "b"], &[seen.clone(), refused(4, 9), faster], "at the latest");
        wrong(&["0", "a"], &[seen, refused(4, 9)], "never moved on");
    }

    #[test]
    fn a_broken_connection_may_mean_anything_but_something_before_it_began() {
        let unknown = |begun| event(commit("a", None), Reply::Unknown, begun, begun + 1);
        check(&line(&["0"]), &[unknown(5)]).unwrap();
        check(&line(&["0", "a"]), &[unknown(5), read("0", 90, 91), read("a", 92, 93)]).unwrap();
        wrong(&["0", "a"], &[read("a", 1, 2), unknown(5)], "at the latest");
    }

    #[test]
    fn an_answer_that_makes_no_sense_is_noticed() {
        wrong(&["0"], &[event(Call::Read, Reply::At(None), 1, 2)], "no answer");
        wrong(&["0"], &[event(commit("a", None), Reply::Moved, 1, 2)], "no answer");
    }
}
