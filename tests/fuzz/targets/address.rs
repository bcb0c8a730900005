//! Every spelling of an address becomes one, and that one stays as it is.

use ballast_api::read::canonical;

pub fn target(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    // A request's path begins with a slash and has neither a query nor white space: hyper has seen to it.
    let path: String = format!("/{text}").chars().filter(|c| c.is_ascii_graphic() && !matches!(c, '?' | '#')).collect();
    let once = canonical(&path).into_owned();
    assert!(once.starts_with('/'), "{path:?} became {once:?}");
    assert_eq!(canonical(&once), once, "{path:?} is not canonical after one step");
    assert!(once.len() <= path.len() + "/models/main".len() + "/objects".len(), "{path:?} grew to {once:?}");
    // Nothing is decoded, so no separator can appear that was not there.
    assert!(once.matches('%').count() <= path.matches('%').count(), "{path:?} became {once:?}");
    let climbs = |path: &str| path.split('/').filter(|segment| matches!(*segment, "." | "..")).count();
    assert!(climbs(&once) <= climbs(&path), "{path:?} became {once:?}");
}
