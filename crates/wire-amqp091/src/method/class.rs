//! The macro behind the method table.

/// Makes the structs of one class. Each method has its identifier and name, and its fields in the order of the wire,
/// each with its domain (see [`super::domain`]):
///
/// ```text
///   CLASS-ID
///   /// What the method is for.
///   Declare<'a> = METHOD-ID "queue.declare" { queue: shortstr<'a>, passive: bit, … }
/// ```
macro_rules! class {
    ($class_id:literal $(
        $(#[$doc:meta])*
        $Name:ident $(<$a:lifetime>)? = $method_id:literal $wire_name:literal {
            $($(#[$field_doc:meta])* $field:ident: $domain:ident $(<$b:lifetime>)?,)*
        }
    )*) => {
        /// The identifier of the class.
        pub const CLASS_ID: u16 = $class_id;

        $(
            $(#[$doc])*
            #[derive(Clone, Default, PartialEq)]
            pub struct $Name $(<$a>)? {
                $($(#[$field_doc])* pub $field: $crate::method::domain::$domain $(<$b>)?,)*
            }

            impl $(<$a>)? $Name $(<$a>)? {
                /// The method's name in the specification.
                pub const NAME: &'static str = $wire_name;
                /// The method identifier within its class.
                pub const METHOD_ID: u16 = $method_id;
                /// The class identifier in the upper, the method identifier in the lower half.
                pub const ID: u32 = ($class_id << 16) | $method_id;

                /// Reads the fields, without class and method identifier, which
                /// [`split`](crate::method::split) has taken off.
                ///
                /// # Errors
                /// `Malformed::Fields` when fields are missing or something is left over; `Malformed::Utf8` and
                /// `Malformed::Table` for bad fields.
                #[inline]
                pub fn decode(fields: &$($a)? [u8]) -> Result<Self, $crate::Malformed> {
                    #[allow(unused_mut, reason = "a method may have no fields")]
                    let mut reader = $crate::reader::Reader::new(fields);
                    #[allow(unused_mut, reason = "a method may have no fields")]
                    let mut read = || Ok(Self { $($field: reader.$domain()?,)* });
                    match read() {
                        Ok(method) if reader.is_empty() => Ok(method),
                        Ok(_) => Err($crate::reader::Flaw::Short.in_method(CLASS_ID, $method_id)),
                        Err(flaw) => {
                            let flaw: $crate::reader::Flaw = flaw;
                            Err(flaw.in_method(CLASS_ID, $method_id))
                        }
                    }
                }

                #[cfg(test)]
                pub(crate) fn arbitrary(_random: &mut stdx::Random) -> Self {
                    Self { $($field: $crate::method::arbitrary::$domain(_random),)* }
                }
            }

            impl $(<$a>)? $crate::method::Encode for $Name $(<$a>)? {
                #[inline]
                fn encode(&self, out: &mut Vec<u8>) {
                    out.extend_from_slice(&Self::ID.to_be_bytes());
                    let mut _writer = $crate::writer::Writer::new(out);
                    $(_writer.$domain(&self.$field);)*
                }
            }

            impl $(<$a>)? std::fmt::Debug for $Name $(<$a>)? {
                fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.debug_struct(Self::NAME)
                        $(.field(stringify!($field), &$crate::method::domain::show::$domain(&self.$field)))*
                        .finish()
                }
            }
        )*
    };
}
