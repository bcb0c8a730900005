//! `ballast user …`

use std::io::{IsTerminal, Read};

use ballast_services::{AccountAbout, DirectoryQuery, NewAccount};
use ballast_types::{Name, Secret};

use super::{with_hub, with_hub_changing};
use crate::cli::{Options, User};
use crate::exit::Exit;
use crate::output;

/// Does what is asked of users.
pub fn run(options: &Options, command: User) -> Result<(), Exit> {
    match command {
        User::Create { name, full_name, email, admin, password } => {
            let password = if password { Some(ask(&name)?) } else { None };
            let new = NewAccount { name: parse(&name)?, full_name, email, password, administrator: admin };
            create(options, new)
        }
        User::List { search } => list(options, search),
        User::Password { name } => {
            let password = ask(&name)?;
            set_password(options, &parse(&name)?, &password)
        }
        User::Disable { name } => set_active(options, &parse(&name)?, false),
        User::Enable { name } => set_active(options, &parse(&name)?, true),
        User::Promote { name } => set_administrator(options, &parse(&name)?, true),
        User::Demote { name } => set_administrator(options, &parse(&name)?, false),
        User::Delete { name, delete_repositories } => delete(options, &parse(&name)?, delete_repositories),
    }
}

/// A user's name from the command line.
pub fn parse(name: &str) -> Result<Name, Exit> {
    name.parse().map_err(Exit::failure)
}

fn create(options: &Options, new: NewAccount) -> Result<(), Exit> {
    with_hub(options, async |hub| {
        let user = hub.operator().create_user(new).await.map_err(Exit::failure)?;
        output::print(&format!("made the user '{}'; `ballast token create {0}` makes a token\n", user.name))
    })
}

fn list(options: &Options, search: Vec<String>) -> Result<(), Exit> {
    with_hub(options, async |hub| {
        let mut rows = vec![["NAME", "FULL NAME", "E-MAIL", "ADMINISTRATOR", "ACTIVE", "SINCE"].map(str::to_owned)];
        let mut query = DirectoryQuery { search, limit: Some(1000), ..DirectoryQuery::default() };
        loop {
            let page = hub.operator().search_users(&query).await.map_err(Exit::failure)?;
            rows.extend(page.items.into_iter().map(|AccountAbout { user, .. }| {
                let yes = |truth| if truth { "yes" } else { "no" }.to_owned();
                let (administrator, active) = (yes(user.administrator), yes(user.active));
                let (name, since) = (user.name.to_string(), user.created_at.to_string());
                [name, user.full_name, user.email.unwrap_or_default(), administrator, active, since]
            }));
            query.cursor = page.next;
            if query.cursor.is_none() {
                return output::print(&output::columns(&rows));
            }
        }
    })
}

fn set_password(options: &Options, name: &Name, password: &Secret) -> Result<(), Exit> {
    with_hub_changing(options, async |hub| {
        let user = hub.operator().get_user(name).await.map_err(Exit::failure)?;
        hub.operator().set_password(&user, password).await.map_err(Exit::failure)
    })
}

fn set_active(options: &Options, name: &Name, active: bool) -> Result<(), Exit> {
    with_hub_changing(options, async |hub| {
        let user = hub.operator().get_user(name).await.map_err(Exit::failure)?;
        hub.operator().set_active(&user, active).await.map_err(Exit::failure)
    })
}

fn set_administrator(options: &Options, name: &Name, administrator: bool) -> Result<(), Exit> {
    with_hub_changing(options, async |hub| {
        let user = hub.operator().get_user(name).await.map_err(Exit::failure)?;
        hub.operator().set_administrator(&user, administrator).await.map_err(Exit::failure)
    })
}

fn delete(options: &Options, name: &Name, with_repositories: bool) -> Result<(), Exit> {
    with_hub_changing(options, async |hub| {
        hub.operator().delete_user(name.as_str(), with_repositories).await.map_err(Exit::failure)?;
        output::print(&format!("the user '{name}' is deleted\n"))
    })
}

/// The longest input that is taken for a password, in bytes.
const LONGEST: u64 = 4096;

/// A password: asked for at a terminal, unseen, or else the first line of standard input.
fn ask(name: &str) -> Result<Secret, Exit> {
    let failed = |error: std::io::Error| Exit::failure(format!("the password could not be read: {error}"));
    if std::io::stdin().is_terminal() {
        let first = rpassword::prompt_password(format!("Password for {name}: ")).map_err(failed)?;
        let second = rpassword::prompt_password("The same again: ").map_err(failed)?;
        return if first == second { Ok(Secret::new(first)) } else { Err(Exit::failure("the two differ")) };
    }
    let mut text = String::new();
    std::io::stdin().lock().take(LONGEST).read_to_string(&mut text).map_err(failed)?;
    match text.lines().next() {
        Some(line) if !line.is_empty() => Ok(Secret::new(line)),
        _ => Err(Exit::failure("standard input holds no password")),
    }
}
