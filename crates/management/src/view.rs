//! What a caller sees and may do, where a route alone does not say it.

use message::{Name, Value};
use metadata::{Access, Subject, Vhost};

use crate::call::Call;
use crate::failure::Failure;

impl Call {
    /// The virtual host that the path names, or all that the caller may see.
    ///
    /// # Errors
    /// That there is no such virtual host.
    pub(crate) fn vhosts_in_view(&self) -> Result<Vec<(&Name, &Vhost)>, Failure> {
        if self.parameters.find("vhost").is_some() {
            return Ok(vec![crate::vhosts::named(self)?]);
        }
        let definitions = self.definitions();
        let all = definitions.vhosts();
        Ok(all.filter(|(name, _)| self.caller.may_see(definitions, name.as_str())).collect())
    }

    /// Whether the caller may see what a user owns.
    ///
    /// # Errors
    /// In RabbitMQ's words.
    pub(crate) fn must_own(&self, user: &str) -> Result<(), Failure> {
        let is_own = self.caller.name.as_ref().is_some_and(|name| name.as_str() == user);
        if is_own || self.caller.is_monitoring() {
            return Ok(());
        }
        Err(Failure::NotAuthorised("User not authorised to access object".to_owned()))
    }

    /// Whether the caller has a permission for an object in the virtual host that the path names: what is done here, is
    /// done in the caller's name.
    ///
    /// # Errors
    /// In RabbitMQ's words.
    pub(crate) fn may(&self, access: Access, object: &Name) -> Result<(), Failure> {
        self.may_in_words(access, "object", object)
            .map_err(|_| Failure::NotAuthorised("Access refused.".to_owned()))
    }

    /// Whether the caller may declare something that sends messages on to an exchange, if one is named.
    ///
    /// # Errors
    /// In RabbitMQ's words.
    pub(crate) fn may_declare(
        &self,
        subject: Subject<'_>,
        sends_on_to: Option<&Value>,
    ) -> Result<(), Failure> {
        let Some(user) = &self.caller.name else { return Ok(()) };
        let (definitions, vhost) = (self.definitions(), self.parameter("vhost"));
        let goal = match sends_on_to {
            Some(Value::Text(goal)) => Some(String::from_utf8_lossy(goal)),
            _ => None,
        };
        let mut needs = definitions.needs_of_declaring(vhost, subject, goal.as_deref());
        if needs.all(|(access, what)| definitions.may(user.as_str(), vhost, access, what.name())) {
            return Ok(());
        }
        Err(Failure::NotAuthorised("Access refused.".to_owned()))
    }

    /// As [`Call::may`], for what RabbitMQ answers with the words that a client would hear.
    ///
    /// # Errors
    /// Those words.
    pub(crate) fn may_in_words(
        &self,
        access: Access,
        kind: &str,
        object: &Name,
    ) -> Result<(), String> {
        let Some(user) = &self.caller.name else { return Ok(()) };
        let vhost = self.parameter("vhost");
        if self.definitions().may(user.as_str(), vhost, access, object.as_str()) {
            return Ok(());
        }
        Err(format!(
            "403 ACCESS_REFUSED - {access} access to {kind} '{object}' in vhost '{vhost}' refused for user '{user}'"
        ))
    }
}
