//! Takes a form with a file apart, as the server does before it makes a call of it.

use std::collections::BTreeMap;

use crate::sandbox::cluster::Received;

/// A form, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parts {
    /// Its fields; `filename` is the name of the file.
    pub(crate) fields: BTreeMap<String, String>,
    /// The file.
    pub(crate) file: Received,
}

/// Takes a form apart, by the boundary that its type names; `None` if it is none, or has no file.
pub(crate) fn take_apart(kind: &str, body: &[u8]) -> Option<Parts> {
    let boundary = kind.split("boundary=").nth(1)?.split(';').next()?.trim().trim_matches('"');
    let line = format!("--{boundary}");
    let mut fields = BTreeMap::new();
    let mut rest = after(body, line.as_bytes())?;
    loop {
        let head_end = find(rest, b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(rest.get(..head_end)?).into_owned();
        let content = rest.get(head_end + 4..)?;
        let end = find(content, format!("\r\n{line}").as_bytes())?;
        let value = content.get(..end)?;
        if let Some(name) = quoted(&head, "filename=") {
            fields.insert("filename".to_owned(), name);
            return Some(Parts { fields, file: Received::of(value) });
        }
        fields.insert(quoted(&head, "name=")?, String::from_utf8_lossy(value).into_owned());
        rest = content.get(end + 2 + line.len()..)?;
    }
}

fn quoted(head: &str, label: &str) -> Option<String> {
    let behind = head.split([';', '\r']).map(str::trim).find_map(|part| part.strip_prefix(label))?;
    Some(behind.trim_matches('"').to_owned())
}

fn after<'a>(bytes: &'a [u8], mark: &[u8]) -> Option<&'a [u8]> {
    bytes.get(find(bytes, mark)? + mark.len()..)
}

fn find(bytes: &[u8], mark: &[u8]) -> Option<usize> {
    bytes.windows(mark.len()).position(|window| window == mark)
}

#[cfg(test)]
mod tests {
    use super::take_apart;

    #[test]
    fn fields_and_file_are_distinguished() {
        let body = b"--b\r\nContent-Disposition: form-data; name=\"content\"\r\n\r\nimport\r\n\
            --b\r\nContent-Disposition: form-data; name=\"filename\"; filename=\"a.qcow2\"\r\n\
            Content-Type: application/octet-stream\r\n\r\nQFI\xfb--b\r\n--b--\r\n";
        let parts = take_apart("multipart/form-data; boundary=b", body).unwrap();
        assert_eq!((parts.fields["content"].as_str(), parts.fields["filename"].as_str()), ("import", "a.qcow2"));
        assert_eq!((parts.file.size, parts.file.is_qcow2), (7, true));
        assert!(take_apart("multipart/form-data; boundary=c", body).is_none());
        assert!(take_apart("text/plain", body).is_none());
    }
}
