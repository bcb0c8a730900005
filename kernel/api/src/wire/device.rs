use ballast_services::{DeviceLogin, DeviceTokens};
use poem_openapi::Object;
use serde::Deserialize;

use crate::base_url::BaseUrl;

/// A program that wants to be let in by its user's browser.
#[derive(Deserialize, Object)]
pub struct DeviceRequest {
    /// Whatever the program calls itself; no program is registered here.
    pub client_id: Option<String>,
    /// Not looked at: the token does with repositories what its user may.
    pub scope: Option<String>,
}

/// A login that waits for its user (RFC 8628, 3.2).
#[derive(Object)]
pub struct DeviceAuthorization {
    /// What the program asks with.
    pub device_code: String,
    /// What it shows to its user.
    pub user_code: String,
    /// The page where the user types it.
    pub verification_uri: String,
    /// The same with the code typed.
    pub verification_uri_complete: String,
    /// In seconds.
    pub expires_in: u64,
    /// The program asks no more often, in seconds.
    pub interval: u64,
}

impl DeviceAuthorization {
    pub fn new(login: DeviceLogin, base: &BaseUrl) -> Self {
        let DeviceLogin { device_code, user_code, lifetime, every } = login;
        Self {
            device_code: device_code.expose().to_owned(),
            verification_uri: base.join("/device"),
            verification_uri_complete: base.join(&format!("/device?user_code={user_code}")),
            user_code,
            expires_in: lifetime.as_secs(),
            interval: every.as_secs(),
        }
    }
}

/// What a program asks a token for (RFC 6749, 4.5 and 6).
#[derive(Deserialize, Object)]
pub struct TokenGrant {
    /// `urn:ietf:params:oauth:grant-type:device_code` or `refresh_token`.
    pub grant_type: Option<String>,
    /// With the first.
    pub device_code: Option<String>,
    /// With the second.
    pub refresh_token: Option<String>,
    /// Not looked at.
    pub client_id: Option<String>,
}

/// What lets a program in.
#[derive(Object)]
pub struct GrantedToken {
    pub access_token: String,
    /// `bearer`
    pub token_type: String,
    /// Of the access token, in seconds.
    pub expires_in: u64,
    /// What renews it, once: each renewal answers another one.
    pub refresh_token: String,
}

impl From<DeviceTokens> for GrantedToken {
    fn from(tokens: DeviceTokens) -> Self {
        Self {
            access_token: tokens.access.expose().to_owned(),
            token_type: "bearer".to_owned(),
            expires_in: tokens.lifetime.as_secs(),
            refresh_token: tokens.refresh.expose().to_owned(),
        }
    }
}

/// The form of the page where somebody answers a device.
#[derive(Deserialize, Object)]
pub struct DeviceForm {
    /// What the device shows.
    pub user_code: String,
    /// `allow` or `deny`; without it the page asks.
    pub answer: Option<String>,
}
