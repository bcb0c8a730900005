//! Logins of programs by their user's browser: what the program asks, and the page for its user.

use ballast_services::DeviceAnswer;
use ballast_types::Secret;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use poem::Request;
use poem::http::{HeaderName, HeaderValue, StatusCode};
use poem_openapi::param::Query;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};

use super::Group;
use crate::call::{OpenCall, Visit};
use crate::error::{Answer, ApiError};
use crate::extract::FormBody;
use crate::pages::{Body, Page};
use crate::wire::{DeviceAuthorization, DeviceForm, DeviceRequest, GrantedToken, TokenGrant};

pub struct Device;

const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";
const TITLE: &str = "Log in on a device";
const MESSAGE: HeaderName = HeaderName::from_static("x-error-message");

#[OpenApi]
impl Device {
    /// Begin a login by the user's browser
    ///
    /// As RFC 8628 has it: show the code, send the user to the page, and ask for the token until there is an answer.
    #[oai(path = "/oauth/device", method = "post", operation_id = "begin_device_login", tag = "Group::Account")]
    async fn begin_device_login(&self, request: &Request, _who: FormBody<DeviceRequest>) -> Answer<Begun> {
        let visit = Visit::read(request)?;
        let login = visit.hub.begin_device_login(visit.from).await?;
        Ok(Begun::Waits(Json(DeviceAuthorization::new(login, &visit.base)), NO_STORE.to_owned()))
    }

    /// Get or renew the token of a login by the user's browser
    ///
    /// A refusal is 400 with a word of OAuth in `error`: `authorization_pending`, `slow_down`, `access_denied`,
    /// `expired_token`, `invalid_grant`, `invalid_request` or `unsupported_grant_type`.
    #[oai(path = "/oauth/token", method = "post", operation_id = "get_device_token", tag = "Group::Account")]
    async fn get_device_token(&self, request: &Request, asked: FormBody<TokenGrant>) -> Answer<Granted> {
        let visit = Visit::read(request)?;
        let TokenGrant { grant_type, device_code, refresh_token, .. } = asked.0;
        let tokens = match (grant_type.as_deref(), device_code, refresh_token) {
            (Some(DEVICE_CODE), Some(code), _) => match visit.hub.poll_device_login(&Secret::new(code)).await? {
                DeviceAnswer::Tokens(tokens) => Ok(tokens),
                DeviceAnswer::Pending => Err(("authorization_pending", "The user has not answered yet: ask again")),
                DeviceAnswer::TooSoon => Err(("slow_down", "Ask five seconds less often")),
                DeviceAnswer::Denied => Err(("access_denied", "The user does not let this device in")),
                DeviceAnswer::Over => Err(("expired_token", "This login is over: begin another one")),
            },
            (Some("refresh_token"), _, Some(token)) => {
                let renewed = visit.hub.refresh_device_login(&Secret::new(token)).await?;
                renewed.ok_or(("invalid_grant", "This renews no token (any more): log in again"))
            }
            (Some(DEVICE_CODE), None, _) => Err(("invalid_request", "device_code is missing")),
            (Some("refresh_token"), _, None) => Err(("invalid_request", "refresh_token is missing")),
            (None, ..) => Err(("invalid_request", "grant_type is missing")),
            _ => Err(("unsupported_grant_type", "Only device_code and refresh_token are known here")),
        };
        let tokens = tokens.map_err(|(word, why)| refused(word, why))?;
        Ok(Granted::Token(Json(tokens.into()), NO_STORE.to_owned()))
    }

    /// Page: log in on a device
    ///
    /// For who is logged in; anybody else logs in first.
    #[oai(path = "/device", method = "get", operation_id = "show_device", tag = "Group::Pages")]
    async fn show_device(
        &self,
        call: OpenCall,
        /// What the device shows.
        user_code: Query<Option<String>>,
    ) -> Page {
        if call.caller.is_anonymous() {
            let back = user_code.0.map_or("/device".to_owned(), |code| format!("/device?user_code={}", encoded(&code)));
            return Page::redirect(&format!("/login?next={}", encoded(&back)));
        }
        match user_code.0 {
            Some(code) => asking(&call, &code).await,
            None => Page::new(&call.hub.settings().site_name, TITLE, typing(&call, "")),
        }
    }

    /// Page: answer a device
    ///
    /// What the form of GET sends: whether the program with this code is let in.
    #[oai(path = "/device", method = "post", operation_id = "send_device", tag = "Group::Pages")]
    async fn send_device(&self, call: OpenCall, request: &Request, form: FormBody<DeviceForm>) -> Page {
        // Also for who shows no cookie: it is a page that sends this.
        if let Err(error) = Visit::read(request) {
            return Page::refused(error);
        }
        let DeviceForm { user_code, answer } = form.0;
        let allow = match answer.as_deref() {
            None => return asking(&call, &user_code).await,
            Some(answer) => answer == "allow",
        };
        let site = &call.hub.settings().site_name;
        match call.hub.answer_device_login(&call.caller, &user_code, allow, call.origin().address).await {
            Ok(()) if allow => Page::new(site, TITLE, Body::default().text("The device is logged in: go on there.")),
            Ok(()) => Page::new(site, TITLE, Body::default().text("The device is not let in.")),
            Err(failure) => Page::failed(site, TITLE, failure, typing(&call, &user_code)),
        }
    }
}

/// The page that asks whether the device under a code is to be let in.
async fn asking(call: &OpenCall, typed: &str) -> Page {
    let site = &call.hub.settings().site_name;
    let code = match call.hub.device_login(&call.caller, typed, call.origin().address).await {
        Ok(code) => code,
        Err(failure) => return Page::failed(site, TITLE, failure, typing(call, typed)),
    };
    let name = call.caller.user_name().map(ToString::to_string).unwrap_or_default();
    let says = format!(
        "A program asks to be logged in as {name}: to read and write all repositories that you may. Let it in only if you \
         have just begun this yourself, and it shows this code: {code}"
    );
    let form = |body: Body, answer: &str, button: &str| {
        body.form("/device", &[("user_code", "", "hidden", &code), ("answer", "", "hidden", answer)], button)
    };
    let body = form(Body::default().text(&says), "allow", "Let it in");
    Page::new(site, TITLE, form(body, "deny", "Refuse it"))
}

fn typing(call: &OpenCall, typed: &str) -> Body {
    if call.caller.is_anonymous() {
        return Body::default().link("/login?next=%2Fdevice", "Log in first");
    }
    Body::default().form("/device", &[("user_code", "The code that the device shows", "text", typed)], "Go on")
}

/// A refusal in the form of OAuth (RFC 6749, 5.2), and in that of this hub besides.
fn refused(word: &'static str, why: &'static str) -> ApiError {
    let code = match word {
        "authorization_pending" => "AuthorizationPending",
        "slow_down" => "SlowDown",
        "access_denied" => "AccessDenied",
        "expired_token" => "ExpiredToken",
        "invalid_grant" => "InvalidGrant",
        _ => "BadRequest",
    };
    let error = ApiError::new(StatusCode::BAD_REQUEST, code, word).with("error_description", why.into());
    error.with_header(MESSAGE, HeaderValue::from_static(why))
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// What nobody on the way may keep.
const NO_STORE: &str = "no-store";

/// A login that waits.
#[derive(ApiResponse)]
pub enum Begun {
    /// Its codes
    #[oai(status = 200)]
    Waits(Json<DeviceAuthorization>, #[oai(header = "Cache-Control")] String),
}

/// What lets a program in.
#[derive(ApiResponse)]
pub enum Granted {
    /// The token, and what renews it
    #[oai(status = 200)]
    Token(Json<GrantedToken>, #[oai(header = "Cache-Control")] String),
}
