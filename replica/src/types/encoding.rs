//! How fields are encoded in a saved state, where the default of `serde` does not fit. For the attribute
//! `#[serde(with = "...")]`.

/// A shared value, encoded like the value.
pub mod shared {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::sync::Arc;

    /// Encodes the value.
    ///
    /// # Errors
    ///
    /// If the serializer fails.
    pub fn serialize<T: Serialize, S: Serializer>(
        value: &Arc<T>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        (**value).serialize(to)
    }

    /// Decodes the value. Every decoded value has an allocation of its own.
    ///
    /// # Errors
    ///
    /// If the bytes are not a value of this type.
    pub fn deserialize<'de, T, D>(from: D) -> Result<Arc<T>, D::Error>
    where
        T: Deserialize<'de>,
        D: Deserializer<'de>,
    {
        T::deserialize(from).map(Arc::new)
    }
}

/// A shared value that may be missing.
pub mod shared_option {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::sync::Arc;

    /// Encodes the value.
    ///
    /// # Errors
    ///
    /// If the serializer fails.
    pub fn serialize<T, S>(value: &Option<Arc<T>>, to: S) -> Result<S::Ok, S::Error>
    where
        T: Serialize,
        S: Serializer,
    {
        value.as_deref().serialize(to)
    }

    /// Decodes the value.
    ///
    /// # Errors
    ///
    /// If the bytes are not a value of this type.
    pub fn deserialize<'de, T, D>(from: D) -> Result<Option<Arc<T>>, D::Error>
    where
        T: Deserialize<'de>,
        D: Deserializer<'de>,
    {
        Ok(Option::deserialize(from)?.map(Arc::new))
    }
}

/// An optional value within an option. CBOR has only one null, so the inner option is a list.
pub mod nested_option {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    /// Encodes the value.
    ///
    /// # Errors
    ///
    /// If the serializer fails.
    pub fn serialize<T, S>(value: &Option<Option<T>>, to: S) -> Result<S::Ok, S::Error>
    where
        T: Serialize,
        S: Serializer,
    {
        value.as_ref().map(Option::as_slice).serialize(to)
    }

    /// Decodes the value.
    ///
    /// # Errors
    ///
    /// If the bytes are not a value of this type.
    pub fn deserialize<'de, T, D>(from: D) -> Result<Option<Option<T>>, D::Error>
    where
        T: Deserialize<'de>,
        D: Deserializer<'de>,
    {
        let list: Option<Vec<T>> = Option::deserialize(from)?;
        Ok(list.map(|list| list.into_iter().next()))
    }
}

/// The result of a call. The payload is encoded as bytes instead of a list of numbers.
pub mod call_result {
    use crate::types::Payload;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use serde_bytes::{ByteBuf, Bytes};

    /// Encodes the result.
    ///
    /// # Errors
    ///
    /// If the serializer fails.
    pub fn serialize<E, S>(result: &Result<Payload, E>, to: S) -> Result<S::Ok, S::Error>
    where
        E: Serialize,
        S: Serializer,
    {
        result.as_ref().map(|payload| Bytes::new(payload)).serialize(to)
    }

    /// Decodes the result.
    ///
    /// # Errors
    ///
    /// If the bytes are not a result.
    pub fn deserialize<'de, E, D>(from: D) -> Result<Result<Payload, E>, D::Error>
    where
        E: Deserialize<'de>,
        D: Deserializer<'de>,
    {
        Ok(Result::<ByteBuf, E>::deserialize(from)?.map(ByteBuf::into_vec))
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};
    use std::sync::Arc;

    #[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
    struct Fields {
        #[serde(with = "super::shared")]
        shared: Arc<u8>,
        #[serde(with = "super::shared_option")]
        option: Option<Arc<u8>>,
        #[serde(with = "super::nested_option")]
        nested: Option<Option<u8>>,
        #[serde(with = "super::call_result")]
        result: Result<Vec<u8>, u8>,
    }

    fn copy(fields: &Fields) -> Fields {
        let mut bytes = Vec::new();
        ciborium::into_writer(fields, &mut bytes).expect("the fields can be encoded");
        ciborium::from_reader(&*bytes).expect("the fields can be decoded")
    }

    #[test]
    fn every_value_of_a_field_is_decoded_as_it_was_encoded() {
        for nested in [None, Some(None), Some(Some(1))] {
            let option = nested.flatten().map(Arc::new);
            for result in [Ok(vec![]), Ok(vec![0, 255]), Err(7)] {
                let fields = Fields { shared: Arc::new(3), option: option.clone(), nested, result };
                assert_eq!(copy(&fields), fields);
            }
        }
    }
}
