//! The value of a runtime parameter.

use std::fmt;
use std::ops::Deref;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What somebody has said under the name of a parameter. Shovels and federation keep addresses with passwords in them, so
/// that it is shown to those only who ask for it by name.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ParameterValue(Value);

impl fmt::Debug for ParameterValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ParameterValue(..)")
    }
}

impl Deref for ParameterValue {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.0
    }
}

impl<V: Into<Value>> From<V> for ParameterValue {
    fn from(value: V) -> Self {
        Self(value.into())
    }
}
