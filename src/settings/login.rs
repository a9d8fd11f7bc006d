//! Logins: users, passwords and the places that passwords come from, and the programs that print tokens.

use super::env::Env;
use super::outside::argv;
use super::secret::{self, Secret};
use super::section::Section;
use checker_parts::login::TokenCommand;
use std::path::Path;
use toml::Spanned;

/// A login at a mail server.
#[derive(Clone, Debug)]
pub struct Login {
    /// The account; it need not be an address.
    pub user: String,
    /// What shows that it is ours.
    pub by: LoginBy,
}

/// By what a login is done.
#[derive(Clone, Debug)]
pub enum LoginBy {
    /// A password.
    Password(Secret),
    /// An access token that this program prints. Nothing here runs it.
    Token(TokenCommand),
}

/// User, and password or token command; `credentials` are the names that are looked for in `$CREDENTIALS_DIRECTORY`.
pub(crate) fn login(s: &mut Section<'_, '_>, credentials: &[&str]) -> Option<Login> {
    if s.has("token_command") {
        return by_token(s);
    }
    let tried = s.has("pass") || s.has("pass_file");
    let pass_span = s.span_of(if s.has("pass") { "pass" } else { "pass_file" });
    let user = s.text("user", "\"alpha-checker@example.com\"");
    let found = password(s, credentials);
    // Not given, and known.
    s.take("token_command");
    match (user, found) {
        (Some(user), Some(pass)) => Some(Login { user: user.into_inner(), by: LoginBy::Password(pass) }),
        (Some(user), None) if !tried => {
            s.cx.error(
                user.span(),
                "there is a user and no password",
                format!(
                    "add pass_file = \"mail.secret\" (a file with mode 600 that holds the password), give the credential \"{}\", or \
                     use token_command for Gmail and Microsoft 365",
                    credentials.first().copied().unwrap_or("mail")
                ),
            );
            None
        }
        (None, _) if tried && !s.given("user") => {
            s.cx.error(
                pass_span,
                "there is a password and no user",
                "add for example: user = \"alpha-checker@example.com\"",
            );
            None
        }
        _ => None,
    }
}

/// A login by a token. A password beside it is one too many; one that comes from the environment is left alone.
fn by_token(s: &mut Section<'_, '_>) -> Option<Login> {
    let span = s.span_of("token_command");
    let second = ["pass_file", "pass"].into_iter().find(|key| s.has(key));
    let command = argv(s, "token_command", "[\"/usr/bin/oama\", \"access\", \"you@gmail.com\"]");
    let (user_given, user) = (s.has("user"), s.text("user", "\"you@gmail.com\""));
    for key in ["pass_file", "pass"] {
        s.take(key);
    }
    if let Some(second) = second {
        let message = format!("\"token_command\" and \"{second}\" are both given");
        s.cx.error(span, message, "keep token_command for Gmail and Microsoft 365, and pass_file elsewhere");
        return None;
    }
    if !user_given {
        s.cx.error(span.clone(), "there is a token_command and no user", "add for example: user = \"you@gmail.com\"");
    }
    let mut argv = command?;
    if argv.first().is_none_or(|program| program.trim().is_empty()) || argv.iter().any(|w| w.contains(char::is_control))
    {
        s.cx.error(
            span,
            "\"token_command\" names no program, or holds a line break or another control character",
            "there is no shell; give the program and each argument as a text of its own",
        );
        return None;
    }
    if let Some(program) = argv.first_mut().filter(|p| p.contains('/') && !p.starts_with('/')) {
        *program = s.cx.paths.beside(program).display().to_string();
    }
    Some(Login { user: user?.into_inner(), by: LoginBy::Token(TokenCommand::new(argv, &s.title)) })
}

fn password(s: &mut Section<'_, '_>, credentials: &[&str]) -> Option<Secret> {
    let (has_pass, file_span) = (s.has("pass"), s.span_of("pass_file"));
    let pass = s.text("pass", "\"...\"");
    let file = s.text("pass_file", "\"mail.secret\"");
    if has_pass && file.is_some() {
        s.cx.error(file_span, "\"pass\" and \"pass_file\" are both given", "keep pass_file, and take out pass");
        return None;
    }
    if has_pass {
        return pass.map(|p| Secret::new(p.into_inner()));
    }
    if let Some(name) = file {
        return secret_file(s, &name);
    }
    for name in credentials {
        let Some(path) = s.cx.env.credentials.as_ref().map(|c| c.join(name)) else {
            break;
        };
        if path.exists() {
            return match secret::read(&path, &guarded(s.cx.env)) {
                Ok(secret) => Some(secret),
                Err(fault) => {
                    s.cx.fault(s.span.clone(), fault);
                    None
                }
            };
        }
    }
    s.cx.env.mail_pass.clone()
}

/// Reads the secret in the file that a key names.
pub(crate) fn secret_file(s: &Section<'_, '_>, name: &Spanned<String>) -> Option<Secret> {
    let path = s.cx.paths.beside(name.get_ref());
    match secret::read(&path, &guarded(s.cx.env)) {
        Ok(secret) => Some(secret),
        Err(fault) => {
            s.cx.fault(name.span(), fault);
            None
        }
    }
}

/// Folders that the system guards as a whole, so that the modes of the files in them say nothing.
pub(crate) fn guarded(env: &Env) -> Vec<&Path> {
    let mut out = vec![Path::new("/run/secrets")];
    out.extend(env.credentials.as_deref());
    out
}
