//! Pages for what a person does in a browser until the web interface comes. Whatever goes wrong is said on a page too.

use ballast_services::{Applicant, Failure, InvitationAbout, Registration, Session};
use ballast_types::{Secret, Timestamp};
use poem::Request;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};

use super::Group;
use crate::base_url::BaseUrl;
use crate::call::{OpenCall, Visit};
use crate::cookie;
use crate::extract::FormBody;
use crate::pages::{Body, Page, local};
use crate::wire::{ForgotForm, InvitationForm, LoginForm, ResetForm, VerifyForm};

pub struct Browser;

const LOGIN: &str = "Log in";
const PASSWORD: &str = "A new password";
const ADDRESS: &str = "Your e-mail address";
const ACCOUNT: (&str, &str, &str, &str) = ("username", "User name or e-mail address", "text", "");
const INVITATION: &str = "Invitation";

#[OpenApi(tag = "Group::Pages")]
impl Browser {
    /// Page: log in
    ///
    /// A form; `next` is where it leads afterwards, on this hub.
    #[oai(path = "/login", method = "get", operation_id = "show_login")]
    async fn show_login(
        &self,
        call: OpenCall,
        /// The page of this hub to go on to.
        next: Query<Option<String>>,
    ) -> Page {
        Page::new(&call.hub.settings().site_name, LOGIN, login_form(local(next.0.as_deref())))
    }

    /// Page: begin a session
    ///
    /// What the form of GET sends. A session begins as by `/api/auth/login`.
    #[oai(path = "/login", method = "post", operation_id = "send_login")]
    async fn send_login(&self, request: &Request, form: FormBody<LoginForm>) -> Page {
        let visit = match Visit::read(request) {
            Ok(visit) => visit,
            Err(error) => return Page::refused(error),
        };
        let LoginForm { username, password, next } = form.0;
        let next = local(next.as_deref());
        match visit.hub.login(&username, &Secret::new(password), visit.from).await {
            Ok(session) => Page::redirect(next).with_cookie(&set(&session, &visit.base)),
            Err(failure) => Page::failed(&visit.hub.settings().site_name, LOGIN, failure, login_form(next)),
        }
    }

    /// Page: verify an e-mail address
    ///
    /// Where the link in a mail leads. Nothing happens before the button is pressed: programs that look into mails open
    /// links, and would use it up.
    #[oai(path = "/login/verify", method = "get", operation_id = "show_verify")]
    async fn show_verify(
        &self,
        call: OpenCall,
        /// From the link.
        token: Query<String>,
    ) -> Page {
        let body = Body::default().form("/login/verify", &[("token", "", "hidden", &token)], "This address is mine");
        Page::new(&call.hub.settings().site_name, ADDRESS, body)
    }

    /// Page: an e-mail address is verified
    ///
    /// What the button of GET sends. The link is used up by it.
    #[oai(path = "/login/verify", method = "post", operation_id = "send_verify")]
    async fn send_verify(&self, request: &Request, form: FormBody<VerifyForm>) -> Page {
        let visit = match Visit::read(request) {
            Ok(visit) => visit,
            Err(error) => return Page::refused(error),
        };
        let site = &visit.hub.settings().site_name;
        match visit.hub.verify_email(&form.0.token).await {
            Ok(session) => {
                let says = format!("The address is verified, and you are logged in as {}.", session.user.name);
                Page::new(site, ADDRESS, Body::default().text(&says)).with_cookie(&set(&session, &visit.base))
            }
            Err(failure) => Page::failed(site, ADDRESS, failure, Body::default().link("/login", LOGIN)),
        }
    }

    /// Page: ask for a new password
    ///
    /// A form that asks for a name or an e-mail address.
    #[oai(path = "/login/forgot", method = "get", operation_id = "show_forgot")]
    async fn show_forgot(&self, call: OpenCall) -> Page {
        let body = Body::default().form("/login/forgot", &[ACCOUNT], "Send me a link");
        Page::new(&call.hub.settings().site_name, PASSWORD, body)
    }

    /// Page: send a link for a new password
    ///
    /// What the form of GET sends. The answer is the same whether there is such an account or not.
    #[oai(path = "/login/forgot", method = "post", operation_id = "send_forgot")]
    async fn send_forgot(&self, request: &Request, form: FormBody<ForgotForm>) -> Page {
        let visit = match Visit::read(request) {
            Ok(visit) => visit,
            Err(error) => return Page::refused(error),
        };
        visit.hub.forgot_password(&form.0.username, visit.from);
        let says = "If there is such an account, a link to set a new password is on its way to its address.";
        Page::new(&visit.hub.settings().site_name, PASSWORD, Body::default().text(says))
    }

    /// Page: set a new password
    ///
    /// Where the link in a mail leads: a form that asks for the new password.
    #[oai(path = "/login/reset", method = "get", operation_id = "show_reset")]
    async fn show_reset(
        &self,
        call: OpenCall,
        /// From the link.
        token: Query<String>,
    ) -> Page {
        Page::new(&call.hub.settings().site_name, PASSWORD, reset_form(&token))
    }

    /// Page: a new password
    ///
    /// What the form of GET sends. The link is used up by it, and all sessions of the user end.
    #[oai(path = "/login/reset", method = "post", operation_id = "send_reset")]
    async fn send_reset(&self, request: &Request, form: FormBody<ResetForm>) -> Page {
        let visit = match Visit::read(request) {
            Ok(visit) => visit,
            Err(error) => return Page::refused(error),
        };
        let ResetForm { token, password } = form.0;
        let site = &visit.hub.settings().site_name;
        match visit.hub.reset_password(&token, &Secret::new(password)).await {
            Ok(_) => Page::new(site, PASSWORD, Body::default().text("The password is set.").link("/login", LOGIN)),
            Err(failure) => Page::failed(site, PASSWORD, failure, reset_form(&token)),
        }
    }

    /// Page: an invitation
    ///
    /// Who invites whom into what, with a way to accept for who is logged in, and to register for who is not.
    #[oai(path = "/invite/:token", method = "get", operation_id = "show_invitation")]
    async fn show_invitation(&self, call: OpenCall, token: Path<String>) -> Page {
        let site = &call.hub.settings().site_name;
        match call.hub.invitation(&token).await {
            Ok(about) => Page::new(site, INVITATION, invitation(&call, &about, &token)),
            Err(failure) => Page::failed(site, INVITATION, failure, Body::default()),
        }
    }

    /// Page: accept an invitation
    ///
    /// As who is logged in, or as somebody new.
    #[oai(path = "/invite/:token", method = "post", operation_id = "send_invitation")]
    async fn send_invitation(
        &self,
        call: OpenCall,
        request: &Request,
        token: Path<String>,
        form: FormBody<InvitationForm>,
    ) -> Page {
        let visit = match Visit::read(request) {
            Ok(visit) => visit,
            Err(error) => return Page::refused(error),
        };
        let site = visit.hub.settings().site_name.clone();
        let done = match form.0 {
            InvitationForm { username: Some(name), email: Some(email), password: Some(password) } => {
                registered(&visit, name, email, password, token.0.clone()).await
            }
            _ => accepted(&call, &token).await,
        };
        match done {
            Ok(page) => page,
            Err(failure) => {
                let again = Body::default().link(&format!("/invite/{}", token.0), "Back to the invitation");
                Page::failed(&site, INVITATION, failure, again)
            }
        }
    }
}

fn set(session: &Session, base: &BaseUrl) -> String {
    cookie::set(&session.id, Timestamp::now(), session.expires_at, base)
}

fn login_form(next: &str) -> Body {
    let fields = [ACCOUNT, ("password", "Password", "password", ""), ("next", "", "hidden", next)];
    Body::default().form("/login", &fields, LOGIN).link("/login/forgot", "I forgot my password")
}

fn reset_form(token: &str) -> Body {
    let fields = [("password", "New password", "password", ""), ("token", "", "hidden", token)];
    Body::default().form("/login/reset", &fields, "Set the password").link("/login/forgot", "Send me another link")
}

fn invitation(call: &OpenCall, about: &InvitationAbout, token: &str) -> Body {
    let InvitationAbout { invitation, joins, over, .. } = about;
    let says = match joins {
        Some((organization, role)) => format!("{} invites you to be {role} of {organization}.", invitation.inviter),
        None => format!("{} invites you to this hub.", invitation.inviter),
    };
    let body = Body::default().text(&says);
    if let Some(why) = over {
        return body.wrong(why);
    }
    let body = match &invitation.email {
        Some(email) => body.text(&format!("The invitation is for {email}.")),
        None => body,
    };
    let here = format!("/invite/{token}");
    let body = match (call.caller.user_name(), joins) {
        (Some(name), Some(_)) => return body.form(&here, &[], &format!("Join as {name}")),
        (Some(name), None) => return body.text(&format!("You have an account already: {name}.")),
        (None, Some(_)) => body.link(&format!("/login?next={here}"), "Log in to accept it"),
        (None, None) => body,
    };
    if call.hub.settings().registration == Registration::Closed {
        return if joins.is_some() { body } else { body.wrong("Registration is closed.") };
    }
    let email = invitation.email.as_deref().unwrap_or_default();
    let fields = [
        ("username", "User name", "text", ""),
        ("email", "E-mail address", "email", email),
        ("password", "Password", "password", ""),
    ];
    let (says, button) = match joins {
        Some(_) => ("Or make an account:", "Register and join"),
        None => ("Make an account:", "Register"),
    };
    body.text(says).form(&here, &fields, button)
}

async fn accepted(call: &OpenCall, token: &str) -> Result<Page, Failure> {
    let (organization, role) = call.hub.accept_invitation(&call.caller, token).await?;
    let body = Body::default().text(&format!("You are {role} of {organization} now."));
    Ok(Page::new(&call.hub.settings().site_name, INVITATION, body))
}

async fn registered(
    visit: &Visit,
    name: String,
    email: String,
    password: String,
    token: String,
) -> Result<Page, Failure> {
    let password = Secret::new(password);
    let applicant = Applicant { name, email, password: password.clone(), invitation: Some(token) };
    let user = visit.hub.register(applicant, visit.from).await?;
    let body = Body::default().text(&format!("The account {} is there.", user.name));
    let site = &visit.hub.settings().site_name;
    match visit.hub.login(user.name.as_str(), &password, visit.from).await {
        Ok(session) => Ok(Page::new(site, INVITATION, body).with_cookie(&set(&session, &visit.base))),
        // The account is there all the same; what keeps it from coming in is said when it tries.
        Err(_) => Ok(Page::new(site, INVITATION, body.link("/login", LOGIN))),
    }
}
