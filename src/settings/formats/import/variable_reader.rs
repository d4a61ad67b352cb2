//! The variables of one tool, read one by one.

use super::{BadImport, HTTPS_PORT, Import, ToolVariables, is_secret};
use crate::model::endpoint::DEFAULT_PORT;
use crate::model::{Endpoint, Secret, TokenId, TokenName, Tool, UserId};
use crate::settings::formats::{Access, Field, Variable};
use crate::settings::setting::boolean;
use crate::settings::{Credentials, InvalidValue};
use std::path::PathBuf;
use std::str::FromStr;

/// One tool's variables under reading.
struct VariableReader<'a> {
    variables: &'a ToolVariables,
    tool: Tool,
}

pub(super) fn read(variables: &ToolVariables, tool: Tool) -> Result<Import, BadImport> {
    let reading = VariableReader { variables, tool };
    let access = Access {
        endpoint: reading.endpoint()?,
        credentials: Some(reading.credentials()?),
        is_verified: reading.is_verified()?,
        ca_file: reading.any(Field::CaFile).map(|(_, text)| PathBuf::from(text)),
        fingerprint: None,
    };
    Ok(Import { tool, access })
}

impl<'a> VariableReader<'a> {
    fn find(&self, is_meant: impl Fn(Field) -> bool) -> Option<(Variable, &'a str)> {
        let mut words = self.tool.words().iter().filter(|word| is_meant(word.says));
        words.find_map(|word| Some((*word, self.variables.text(word.variable)?)))
    }

    pub(super) fn any(&self, says: Field) -> Option<(Variable, &'a str)> {
        self.find(|other| other == says)
    }

    /// Returns a variable that must be there.
    fn needed(&self, is_meant: impl Fn(Field) -> bool) -> Result<(Variable, &'a str), BadImport> {
        self.find(&is_meant).ok_or_else(|| BadImport::Missing {
            tool: self.tool,
            variable: self.tool.variable_for(is_meant).unwrap_or_default(),
        })
    }

    pub(super) fn endpoint(&self) -> Result<Option<Endpoint>, BadImport> {
        if self.tool.variable_for(|says| matches!(says, Field::Address(_) | Field::Host)).is_none() {
            return Ok(None);
        }
        let (word, text) = self.needed(|says| matches!(says, Field::Address(_) | Field::Host))?;
        let endpoint: Endpoint = parsed(word, text)?;
        if let Some((word, port)) = self.any(Field::Port) {
            let port = port.trim().parse().ok().filter(|port| *port != 0);
            let port = port.ok_or_else(|| invalid(word, crate::model::endpoint::InvalidEndpoint::Port))?;
            return Ok(Some(Endpoint::new(endpoint.host().clone(), port)));
        }
        let names_no_port = endpoint.port() == DEFAULT_PORT && !authority(text).ends_with(":8006");
        if word.says != Field::Host && names_no_port && text.contains("://") {
            return Ok(Some(Endpoint::new(endpoint.host().clone(), HTTPS_PORT)));
        }
        Ok(Some(endpoint))
    }

    pub(super) fn credentials(&self) -> Result<Credentials, BadImport> {
        if let Some((word, whole)) = self.any(Field::WholeToken) {
            let Some((id, secret)) = whole.trim().rsplit_once('=') else {
                return Err(invalid(word, crate::model::token::InvalidToken::TokenId));
            };
            return Ok(Credentials::Token { id: parsed(word, id)?, secret: parsed(word, secret)? });
        }
        if let Some((word, secret)) = self.any(Field::TokenSecret) {
            return Ok(Credentials::Token { id: self.token_id()?, secret: parsed(word, secret)? });
        }
        let (_, password) = self.needed(is_secret)?;
        let (word, user) =
            self.needed(|says| matches!(says, Field::User | Field::PasswordUser | Field::TokenIdOrUser))?;
        Ok(Credentials::Password { user: parsed(word, user)?, password: Secret::new(password.to_owned()) })
    }

    fn token_id(&self) -> Result<TokenId, BadImport> {
        if let Some((word, id)) = self.find(|says| matches!(says, Field::TokenId | Field::TokenIdOrUser)) {
            return parsed(word, id);
        }
        let (word, name) =
            self.needed(|says| matches!(says, Field::TokenId | Field::TokenIdOrUser | Field::TokenName))?;
        // Ansible takes the full ID in its place, too.
        if name.contains('!') {
            return parsed(word, name);
        }
        let name: TokenName = parsed(word, name)?;
        let (word, user) = self.needed(|says| says == Field::User)?;
        let user: UserId = parsed(word, user)?;
        Ok(TokenId { user, name })
    }

    pub(super) fn is_verified(&self) -> Result<Option<bool>, BadImport> {
        let Some((word, text)) = self.find(|says| matches!(says, Field::Verify | Field::Insecure)) else {
            return Ok(None);
        };
        let said = boolean(text).ok_or(BadImport::Invalid { variable: word.variable, why: InvalidValue::Boolean })?;
        Ok(Some(said == (word.says == Field::Verify)))
    }
}

fn authority(text: &str) -> &str {
    let behind = text.trim().split_once("://").map_or(text, |(_, behind)| behind);
    behind.split(['/', '?', '#']).next().unwrap_or_default()
}

fn parsed<T>(word: Variable, text: &str) -> Result<T, BadImport>
where
    T: FromStr,
    InvalidValue: From<T::Err>,
{
    text.trim().parse().map_err(|why| BadImport::Invalid { variable: word.variable, why: InvalidValue::from(why) })
}

fn invalid(word: Variable, why: impl Into<InvalidValue>) -> BadImport {
    BadImport::Invalid { variable: word.variable, why: why.into() }
}
