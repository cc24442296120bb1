//! Records and variants of one's own.

/// Defines a struct that is a Candid record, with [`Encode`](crate::Encode) and [`Decode`](crate::Decode).
///
/// Attributes are kept. Fields have the same names in Candid as in Rust.
#[macro_export]
macro_rules! record {
    (
        $(#[$attribute:meta])*
        $visibility:vis struct $name:ident {
            $($(#[$field_attribute:meta])* $field_visibility:vis $field:ident: $ty:ty),* $(,)?
        }
    ) => {
        $(#[$attribute])*
        $visibility struct $name {
            $($(#[$field_attribute])* $field_visibility $field: $ty,)*
        }

        impl $crate::Typed for $name {
            const TYPE: $crate::Type = $crate::Type::Record(&$crate::sorted([
                $($crate::Field {
                    id: $crate::hash(stringify!($field)),
                    ty: &<$ty as $crate::Typed>::TYPE,
                },)*
            ]));
        }

        impl $crate::Encode for $name {
            fn write(&self, out: &mut ::std::vec::Vec<u8>) {
                $crate::__in_order!(id [$($field)*] {
                    $(if id == const { $crate::hash(stringify!($field)) } {
                        $crate::Encode::write(&self.$field, out);
                    })*
                });
            }
        }

        impl $crate::Decode for $name {
            fn read(
                reader: &mut $crate::Reader<'_>,
            ) -> ::std::result::Result<Self, $crate::WireError> {
                $(let mut $field = ::std::option::Option::None;)*
                $crate::__in_order!(id [$($field)*] {
                    $(if id == const { $crate::hash(stringify!($field)) } {
                        $field = ::std::option::Option::Some($crate::Decode::read(reader)?);
                    })*
                });
                // Each has been read; the compiler sees that, too.
                $(let ::std::option::Option::Some($field) = $field else {
                    return ::std::result::Result::Err($crate::WireError::BadValue);
                };)*
                ::std::result::Result::Ok(Self { $($field),* })
            }
        }
    };
}

/// Executes a choice between all fields of the record `Self` for each of their ids, in ascending order.
///
/// A macro cannot sort, but the compiler can: it knows the id at each place, and with it the choice.
#[doc(hidden)]
#[macro_export]
macro_rules! __in_order {
    ($id:ident [$($place:ident)*] $choice:tt) => {
        let mut fields = const { <Self as $crate::Typed>::TYPE.fields() };
        $(
            // One place for each field, though not for this one.
            const _: &str = stringify!($place);
            if let [field, rest @ ..] = fields {
                let $id = field.id;
                fields = rest;
                $choice
            }
        )*
        _ = fields;
    };
}

/// Defines an enum that is a Candid variant, with [`Encode`](crate::Encode) and [`Decode`](crate::Decode).
///
/// A case holds nothing or one value. Attributes are kept. Cases have the same names in Candid as in Rust.
#[macro_export]
macro_rules! variant {
    (
        $(#[$attribute:meta])*
        $visibility:vis enum $name:ident {
            $($(#[$case_attribute:meta])* $case:ident $(($ty:ty))?),* $(,)?
        }
    ) => {
        $(#[$attribute])*
        $visibility enum $name {
            $($(#[$case_attribute])* $case $(($ty))?,)*
        }

        impl $crate::Typed for $name {
            const TYPE: $crate::Type = $crate::Type::Variant(&$crate::sorted([
                $($crate::Field {
                    id: $crate::hash(stringify!($case)),
                    ty: $crate::__case_type!($($ty)?),
                },)*
            ]));
        }

        impl $crate::Encode for $name {
            fn write(&self, out: &mut ::std::vec::Vec<u8>) {
                match self {
                    $(Self::$case $(($crate::__bind!(value $ty)))? => {
                        $crate::write_number(const { $crate::case_index::<Self>(stringify!($case)) }, out);
                        $(<$ty as $crate::Encode>::write(value, out);)?
                    })*
                }
            }
        }

        impl $crate::Decode for $name {
            fn read(
                reader: &mut $crate::Reader<'_>,
            ) -> ::std::result::Result<Self, $crate::WireError> {
                let index = reader.number()?;
                $(if index == const { $crate::case_index::<Self>(stringify!($case)) } {
                    return ::std::result::Result::Ok(
                        Self::$case $((<$ty as $crate::Decode>::read(reader)?))?
                    );
                })*
                ::std::result::Result::Err($crate::WireError::BadValue)
            }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __case_type {
    () => {
        &$crate::Type::NULL
    };
    ($ty:ty) => {
        &<$ty as $crate::Typed>::TYPE
    };
}

/// The name under which a case's value is bound: there is one if there is a type.
#[doc(hidden)]
#[macro_export]
macro_rules! __bind {
    ($value:ident $ty:ty) => {
        $value
    };
}
