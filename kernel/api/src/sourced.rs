//! Where an answer came from, in its headers: the other hub, and whether that could be asked just now.

use std::sync::{Arc, OnceLock};

use ballast_services::Provenance;
use poem::http::{HeaderName, HeaderValue, header};
use poem::{Request, Response};

/// The address of the hub that an answer is mirrored from.
pub const SOURCE: HeaderName = HeaderName::from_static("x-source");

/// What the headers of one answer are to say; set by whoever finds out, written when the answer is made.
#[derive(Clone, Default)]
pub struct Sourced(Arc<OnceLock<Provenance>>);

impl Sourced {
    /// That of a request; one that nobody reads where it has none.
    pub fn of(request: &Request) -> Self {
        request.data::<Self>().cloned().unwrap_or_default()
    }

    /// The answer comes from there, unless from this hub.
    pub fn tell(&self, provenance: Option<Provenance>) {
        if let Some(provenance) = provenance {
            // Whoever said something before said the same.
            let _ = self.0.set(provenance);
        }
    }

    /// Writes it into the answer, whatever that is.
    pub fn write(&self, response: &mut Response) {
        let Some(Provenance { source, stale }) = self.0.get() else { return };
        let headers = response.headers_mut();
        if let Ok(source) = HeaderValue::try_from(source) {
            headers.insert(SOURCE, source);
        }
        if let Some(age) = stale {
            headers.insert(header::WARNING, HeaderValue::from_static("110 - \"Response is Stale\""));
            headers.insert(header::AGE, HeaderValue::from(age.as_secs()));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn written(provenance: Option<Provenance>) -> Vec<Option<String>> {
        let (sourced, mut response) = (Sourced::default(), Response::default());
        sourced.tell(provenance);
        sourced.write(&mut response);
        let text = |name: HeaderName| Some(response.headers().get(name)?.to_str().ok()?.to_owned());
        [SOURCE, header::WARNING, header::AGE].map(text).into()
    }

    #[test]
    fn only_what_came_from_elsewhere_says_so_and_only_what_is_stale_how_old_it_is() {
        assert_eq!(written(None), [None, None, None]);
        let from = |stale| Provenance { source: "https://hub.example".to_owned(), stale };
        assert_eq!(written(Some(from(None))), [Some("https://hub.example".to_owned()), None, None]);
        let stale = written(Some(from(Some(Duration::from_millis(61_900)))));
        assert_eq!(stale[1..], [Some("110 - \"Response is Stale\"".to_owned()), Some("61".to_owned())]);
    }
}
