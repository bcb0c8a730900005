//! What the configuration declares, in the words of the verbs.

use ballast_catalog::OrgRole;
use ballast_config::{
    BootstrapOrganization, BootstrapToken, BootstrapUser, Loaded, MemberRole, Problem, Problems, TokenRole,
};
use ballast_contract::auth::Role;
use ballast_services::{Bootstrap, DeclaredMember, DeclaredOrganization, DeclaredToken, DeclaredUser};

/// The users and organisations that are to be there, with their secrets read.
pub fn read(loaded: &Loaded) -> Result<Bootstrap, Problems> {
    let bootstrap = &loaded.config.bootstrap;
    let users = bootstrap
        .users
        .iter()
        .enumerate()
        .map(|(i, declared)| user(loaded, &format!("bootstrap.users[{i}]"), declared));
    let users = users.collect::<Result<_, _>>().map_err(|problem| Problems(vec![problem]))?;
    Ok(Bootstrap { users, organizations: bootstrap.organizations.iter().map(organization).collect() })
}

fn user(loaded: &Loaded, key: &str, declared: &BootstrapUser) -> Result<DeclaredUser, Problem> {
    let password = declared.password.as_ref().map(|source| loaded.secret(&format!("{key}.password"), source));
    let tokens = declared.tokens.iter().enumerate();
    let tokens = tokens.map(|(j, declared)| token(loaded, &format!("{key}.tokens[{j}].value"), declared));
    Ok(DeclaredUser {
        name: declared.name.clone(),
        full_name: declared.full_name.clone(),
        email: declared.email.clone(),
        password: password.transpose()?,
        administrator: declared.admin,
        tokens: tokens.collect::<Result<_, _>>()?,
    })
}

fn token(loaded: &Loaded, key: &str, declared: &BootstrapToken) -> Result<DeclaredToken, Problem> {
    let role = match declared.role {
        TokenRole::Read => Role::Read,
        TokenRole::Write => Role::Write,
        TokenRole::Admin => Role::Admin,
    };
    Ok(DeclaredToken { name: declared.name.clone(), role, value: loaded.secret(key, &declared.value)? })
}

fn organization(declared: &BootstrapOrganization) -> DeclaredOrganization {
    let members = declared.members.iter().map(|member| DeclaredMember {
        user: member.user.clone(),
        role: match member.role {
            MemberRole::Visitor => OrgRole::Visitor,
            MemberRole::Member => OrgRole::Member,
            MemberRole::Admin => OrgRole::Admin,
            MemberRole::SuperAdmin => OrgRole::SuperAdmin,
        },
    });
    DeclaredOrganization {
        name: declared.name.clone(),
        full_name: declared.full_name.clone(),
        description: None,
        default_visibility: Some(declared.default_visibility),
        members: members.collect(),
    }
}
