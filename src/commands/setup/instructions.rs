//! How a token is made by hand: the click path and the line for a shell, with the values filled in.

use std::fmt;

use crate::error::Leftovers;
use crate::ui::{Draw, Printable, Screen, Tone};

/// The comment that the guide gives every token.
pub(super) const COMMENT: &str = "API token for Glassdome";

/// The way through the web interface.
pub(super) struct WebGuide {
    /// The address of the web interface.
    pub(super) url: String,
    /// The user.
    pub(super) user: String,
    /// The name of the token.
    pub(super) name: String,
}

/// The line for a shell on the node.
pub(super) struct ShellGuide {
    /// The host to log in to.
    pub(super) host: String,
    /// The user.
    pub(super) user: String,
    /// The name of the token.
    pub(super) name: String,
}

/// What was made for a token that is not used: what removes it.
pub(super) struct UnusedToken(pub(super) Leftovers);

/// Why a token is better than a password.
pub(super) struct PasswordAdvice;

impl Draw for WebGuide {
    fn draw(&self, screen: &mut Screen<'_>) -> fmt::Result {
        let (user, name) = (Printable(&self.user).to_string(), Printable(&self.name).to_string());
        screen.paragraph(3, &format!("1. Log in as {user}, or as an administrator:"))?;
        screen.address(6, &self.url)?;
        screen.paragraph(3, "2. Find the page:")?;
        screen.labelled("      ", Tone::Plain, "Datacenter (left sidebar, at the top)")?;
        screen.line("        > Permissions (expand)")?;
        screen.line("          > API Tokens")?;
        screen.line("            > Add (button)")?;
        screen.paragraph(3, "3. Fill in:")?;
        screen.labelled("      User      ", Tone::Dim, &user)?;
        screen.labelled("      Token ID  ", Tone::Dim, &name)?;
        screen.labelled("      [ ]       ", Tone::Dim, "Privilege Separation: UNCHECK it")?;
        screen.labelled("      Comment   ", Tone::Dim, COMMENT)?;
        screen.paragraph(3, "4. Click Add and copy the secret now: it will not be shown again.")?;
        separation(screen)
    }
}

impl Draw for ShellGuide {
    fn draw(&self, screen: &mut Screen<'_>) -> fmt::Result {
        screen.paragraph(3, "As root in a shell on the node (users of the realm `pve` have no shell there):")?;
        screen.command(6, &format!("ssh root@{}", self.host))?;
        screen.command(6, &token_line(&self.user, &self.name))?;
        screen.paragraph(
            3,
            "The row `value` of the table that it prints is the secret. It will not be shown again: copy the row, or the whole table.",
        )?;
        separation(screen)
    }
}

impl Draw for UnusedToken {
    fn draw(&self, screen: &mut Screen<'_>) -> fmt::Result {
        let Self(left) = self;
        if !left.lines.is_empty() {
            screen.paragraph(3, "To remove it, run as root on a node:")?;
        }
        for line in &left.lines {
            screen.command(6, line)?;
        }
        for kept in &left.kept {
            screen.paragraph(3, &Printable(&format!("{}: {}", kept.object, kept.reason)).to_string())?;
        }
        if let Some(again) = &left.new_secret_command {
            screen.paragraph(3, "Its old secret no longer works. To generate another one:")?;
            screen.command(6, again)?;
        }
        Ok(())
    }
}

impl Draw for PasswordAdvice {
    fn draw(&self, screen: &mut Screen<'_>) -> fmt::Result {
        screen.paragraph(
            3,
            "A token is safer: it can be revoked and restricted separately, and cannot be used to log in. The password has all privileges of the user and is stored in plain text.",
        )
    }
}

/// Returns the line that makes a token.
fn token_line(user: &str, name: &str) -> String {
    format!("pveum user token add {} {name} --privsep 0 --comment '{COMMENT}'", word(user))
}

/// Quotes a word for a shell where it needs that.
fn word(text: &str) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "@._-+".contains(character);
    if text.chars().all(is_plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

fn separation(screen: &mut Screen<'_>) -> fmt::Result {
    screen.paragraph(
        3,
        "Without privilege separation the token has all privileges of its user. With it, it has only those granted to both the token and the user: none at first.",
    )
}

#[cfg(test)]
mod tests {
    use super::{PasswordAdvice, ShellGuide, WebGuide, token_line};
    use crate::ui::{Style, render};

    const WIDE: Style = Style { color: false, unicode: true, width: Some(80) };
    const NARROW: Style = Style { color: false, unicode: false, width: Some(40) };
    const COLORED: Style = Style { color: true, ..WIDE };

    fn web() -> WebGuide {
        let url = "https://192.168.1.50:8006".to_owned();
        WebGuide { url, user: "apex@pve".to_owned(), name: "glassdome-token".to_owned() }
    }

    fn shell() -> ShellGuide {
        let host = "192.168.1.50".to_owned();
        ShellGuide { host, user: "apex@pve".to_owned(), name: "glassdome-token".to_owned() }
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "whole screens are compared")]
    fn the_guides_fit_every_terminal() {
        insta::assert_snapshot!(render(&web(), WIDE), @"
        1. Log in as apex@pve, or as an administrator:
           https://192.168.1.50:8006
        2. Find the page:
           Datacenter (left sidebar, at the top)
             > Permissions (expand)
               > API Tokens
                 > Add (button)
        3. Fill in:
           User      apex@pve
           Token ID  glassdome-token
           [ ]       Privilege Separation: UNCHECK it
           Comment   API token for Glassdome
        4. Click Add and copy the secret now: it will not be shown again.
        Without privilege separation the token has all privileges of its user. With
        it, it has only those granted to both the token and the user: none at first.
        ");
        insta::assert_snapshot!(render(&web(), NARROW), @"
        1. Log in as apex@pve, or as an
        administrator:
           https://192.168.1.50:8006
        2. Find the page:
           Datacenter (left sidebar, at the
           top)
             > Permissions (expand)
               > API Tokens
                 > Add (button)
        3. Fill in:
           User      apex@pve
           Token ID  glassdome-token
           [ ]       Privilege Separation:
                     UNCHECK it
           Comment   API token for Glassdome
        4. Click Add and copy the secret now:
        it will not be shown again.
        Without privilege separation the
        token has all privileges of its user.
        With it, it has only those granted to
        both the token and the user: none at
        first.
        ");
        insta::assert_snapshot!(render(&web(), COLORED), @r"
           1. Log in as apex@pve, or as an administrator:
              ]8;;https://192.168.1.50:8006\https://192.168.1.50:8006]8;;\
           2. Find the page:
              Datacenter (left sidebar, at the top)
                > Permissions (expand)
                  > API Tokens
                    > Add (button)
           3. Fill in:
        [2m      User      [0mapex@pve
        [2m      Token ID  [0mglassdome-token
        [2m      [ ]       [0mPrivilege Separation: UNCHECK it
        [2m      Comment   [0mAPI token for Glassdome
           4. Click Add and copy the secret now: it will not be shown again.
           Without privilege separation the token has all privileges of its user. With
           it, it has only those granted to both the token and the user: none at first.
        ");
        insta::assert_snapshot!(render(&shell(), WIDE), @"
        As root in a shell on the node (users of the realm `pve` have no shell
        there):
           ssh root@192.168.1.50
           pveum user token add apex@pve glassdome-token --privsep 0 --comment 'API token for Glassdome'
        The row `value` of the table that it prints is the secret. It will not be
        shown again: copy the row, or the whole table.
        Without privilege separation the token has all privileges of its user. With
        it, it has only those granted to both the token and the user: none at first.
        ");
        insta::assert_snapshot!(render(&shell(), NARROW), @"
        As root in a shell on the node (users
        of the realm `pve` have no shell
        there):
           ssh root@192.168.1.50
           pveum user token add apex@pve glassdome-token --privsep 0 --comment 'API token for Glassdome'
        The row `value` of the table that it
        prints is the secret. It will not be
        shown again: copy the row, or the
        whole table.
        Without privilege separation the
        token has all privileges of its user.
        With it, it has only those granted to
        both the token and the user: none at
        first.
        ");
        insta::assert_snapshot!(render(&PasswordAdvice, NARROW), @"
        A token is safer: it can be revoked
        and restricted separately, and cannot
        be used to log in. The password has
        all privileges of the user and is
        stored in plain text.
        ");
    }

    #[test]
    fn the_line_can_be_pasted_whatever_the_user_is_called() {
        for (user, line) in [
            ("apex@pve", "pveum user token add apex@pve tt --privsep 0 --comment 'API token for Glassdome'"),
            ("o'neil@pve", "pveum user token add 'o'\\''neil@pve' tt --privsep 0 --comment 'API token for Glassdome'"),
            ("a$b@pve", "pveum user token add 'a$b@pve' tt --privsep 0 --comment 'API token for Glassdome'"),
        ] {
            assert_eq!(token_line(user, "tt"), line);
        }
    }
}
