//! What we do with each member of each input, and the document that says so.
//!
//! Every member is in exactly one list: enforced, refused or fixed. The lists are data in the
//! crates of the services; the page in `docs/services` is made from them.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::{Location, MemberSpec, OperationSpec};

/// What we do with a member of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// It changes behaviour, and a test shows it.
    Enforced,
    /// A request that has it is refused, and the answer names it.
    Refused,
    /// It may only say what is true of us anyway: this.
    Fixed(&'static str),
}

/// What we do with an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperationStatus {
    /// It is built.
    Implemented,
    /// It answers `NotImplemented` (501).
    NotImplemented,
}

/// Everything that the page of a service is made from.
#[derive(Debug, Clone, Copy)]
pub struct ServiceTables<'a> {
    /// The name of the service.
    pub title: &'a str,
    /// All routed operations.
    pub operations: &'a [&'static OperationSpec],
    /// The status of operations; one that is absent is not implemented.
    pub status: &'a [(&'a str, OperationStatus)],
    /// `(operation, member path, disposition)`.
    pub members: &'a [(&'a str, &'a str, Disposition)],
    /// What becomes of what a request has beside the members of its operation, in Markdown.
    pub rules: &'a [String],
}

/// Why the tables of a service contradict themselves.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// A row names an operation that is not routed.
    #[error("`{operation}` is no operation")]
    UnknownOperation {
        /// The name in the row.
        operation: String,
    },
    /// A row names a member that the operation does not have.
    #[error("`{operation}` has no member `{member}`")]
    UnknownMember {
        /// The operation.
        operation: String,
        /// The name in the row.
        member: String,
    },
    /// Two rows are about the same thing.
    #[error("`{operation}` `{member}` is listed twice")]
    Duplicate {
        /// The operation.
        operation: String,
        /// The member; empty for the operation itself.
        member: String,
    },
    /// A member of an operation that is built is in no list.
    #[error("`{operation}` is implemented, but `{member}` is in no list")]
    Unlisted {
        /// The operation.
        operation: String,
        /// The member.
        member: String,
    },
}

impl ServiceTables<'_> {
    /// The disposition of each member of the operations that are built, by operation and index.
    ///
    /// # Errors
    /// If a row is about nothing, two rows are about the same, or a member has no row.
    pub fn check(&self) -> Result<(), DocumentError> {
        self.index().map(|_| ())
    }

    /// The page of the service, in Markdown.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub fn document(&self) -> Result<String, DocumentError> {
        let index = self.index()?;
        let built = index.status.values().filter(|s| **s == OperationStatus::Implemented).count();
        let mut page = format!(
            "# {}\n\nGenerated from the tables in the code; do not edit.\n\n\
             {} operations are routed, {built} of them are implemented. Every other one answers \
             501 `NotImplemented`.\n\n| Operation | Status |\n|---|---|\n",
            self.title,
            self.operations.len(),
        );
        for spec in self.operations {
            let status = match index.status_of(spec.name) {
                OperationStatus::Implemented => "implemented",
                OperationStatus::NotImplemented => "not implemented",
            };
            // INVARIANT: writing to a `String` does not fail.
            let _ = writeln!(page, "| {} | {status} |", spec.name);
        }
        if !self.rules.is_empty() {
            page.push_str("\n## What is no member of an operation\n\n");
        }
        for rule in self.rules {
            let _ = writeln!(page, "- {rule}");
        }
        for spec in self.operations {
            if index.status_of(spec.name) == OperationStatus::Implemented {
                document_members(&mut page, spec, &index);
            }
        }
        Ok(page)
    }

    fn index(&self) -> Result<Index, DocumentError> {
        let mut index = Index::default();
        let find = |name: &str| {
            let found = self.operations.iter().find(|spec| spec.name == name);
            let unknown = || DocumentError::UnknownOperation { operation: name.to_owned() };
            found.copied().ok_or_else(unknown)
        };
        for (operation, status) in self.status {
            let name = find(operation)?.name;
            if index.status.insert(name, *status).is_some() {
                return Err(duplicate(operation, ""));
            }
        }
        for (operation, member, disposition) in self.members {
            let spec = find(operation)?;
            let found = spec.members.iter().find(|other| other.path == *member);
            let Some(found) = found else {
                let (operation, member) = ((*operation).to_owned(), (*member).to_owned());
                return Err(DocumentError::UnknownMember { operation, member });
            };
            if index.members.insert((spec.name, found.path), *disposition).is_some() {
                return Err(duplicate(operation, member));
            }
        }
        for spec in self.operations {
            let built = index.status_of(spec.name) == OperationStatus::Implemented;
            let unlisted =
                spec.members.iter().find(|m| built && index.member(spec.name, m).is_none());
            if let Some(member) = unlisted {
                let (operation, member) = (spec.name.to_owned(), member.path.to_owned());
                return Err(DocumentError::Unlisted { operation, member });
            }
        }
        Ok(index)
    }
}

#[derive(Default)]
struct Index {
    status: BTreeMap<&'static str, OperationStatus>,
    members: BTreeMap<(&'static str, &'static str), Disposition>,
}

impl Index {
    fn status_of(&self, operation: &str) -> OperationStatus {
        self.status.get(operation).copied().unwrap_or(OperationStatus::NotImplemented)
    }

    /// A member without a row of its own has that of the nearest member around it, if that is
    /// refused or fixed: what is refused as a whole is refused in all its parts.
    fn member(&self, operation: &'static str, member: &MemberSpec) -> Option<Disposition> {
        let mut path = member.path;
        if let Some(own) = self.members.get(&(operation, path)) {
            return Some(*own);
        }
        while let Some((outer, _)) = path.rsplit_once('.') {
            path = outer;
            match self.members.get(&(operation, path)) {
                Some(Disposition::Enforced) => return None,
                Some(disposition) => return Some(*disposition),
                None => {}
            }
        }
        None
    }
}

fn duplicate(operation: &str, member: &str) -> DocumentError {
    DocumentError::Duplicate { operation: operation.to_owned(), member: member.to_owned() }
}

fn document_members(page: &mut String, spec: &'static OperationSpec, index: &Index) {
    let _ = writeln!(page, "\n## {}\n\n| Member | Where | What we do |\n|---|---|---|", spec.name);
    for member in spec.members {
        let place = match member.location {
            Location::Label => "path".to_owned(),
            Location::Query(name) => format!("query `{name}`"),
            Location::Header(name) => format!("header `{name}`"),
            Location::HeaderPrefix(prefix) => format!("headers `{prefix}*`"),
            Location::Root(_) | Location::Text | Location::Stream => "body".to_owned(),
            Location::Element(name) | Location::Wrapped(name, _) => format!("element `{name}`"),
            Location::Attribute(name) => format!("attribute `{name}`"),
        };
        let disposition = match index.member(spec.name, member) {
            Some(Disposition::Enforced) => "enforced".to_owned(),
            Some(Disposition::Refused) => "refused".to_owned(),
            Some(Disposition::Fixed(what)) => format!("fixed: {what}"),
            None => String::new(),
        };
        let _ = writeln!(page, "| `{}` | {place} | {disposition} |", member.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{InputKind, PathShape, members};

    static PUT: OperationSpec = OperationSpec {
        name: "PutThing",
        method: "PUT",
        path: PathShape::Bucket,
        query: &[],
        status: 200,
        input: InputKind::None,
        checksum_required: false,
        members: members! {
            0 "Bucket" Label Text required,
            0 "Thing" Root("Thing") Structure required,
            1 "Thing.Colour" Element("Colour") Text optional,
            1 "Thing.Parts" Wrapped("Parts", "Part") StructureList optional,
            2 "Thing.Parts.Name" Element("Name") Text optional,
        },
    };
    static GET: OperationSpec =
        OperationSpec { name: "GetThing", method: "GET", members: &[], ..COPY };
    const COPY: OperationSpec = OperationSpec {
        name: "",
        method: "",
        path: PathShape::Bucket,
        query: &[],
        status: 200,
        input: InputKind::None,
        checksum_required: false,
        members: &[],
    };

    const FULL: &[(&str, &str, Disposition)] = &[
        ("PutThing", "Bucket", Disposition::Enforced),
        ("PutThing", "Thing", Disposition::Enforced),
        ("PutThing", "Thing.Colour", Disposition::Fixed("red")),
        ("PutThing", "Thing.Parts", Disposition::Refused),
    ];

    static OPERATIONS: [&OperationSpec; 2] = [&GET, &PUT];

    fn tables<'a>(members: &'a [(&'a str, &'a str, Disposition)]) -> ServiceTables<'a> {
        ServiceTables {
            title: "Things",
            operations: &OPERATIONS,
            status: &[("PutThing", OperationStatus::Implemented)],
            members,
            rules: &[],
        }
    }

    #[test]
    fn the_page_says_what_the_tables_say() {
        assert_eq!(
            tables(FULL).document().unwrap(),
            "# Things\n\nGenerated from the tables in the code; do not edit.\n\n\
             2 operations are routed, 1 of them are implemented. Every other one answers 501 \
             `NotImplemented`.\n\n| Operation | Status |\n|---|---|\n\
             | GetThing | not implemented |\n| PutThing | implemented |\n\n\
             ## PutThing\n\n| Member | Where | What we do |\n|---|---|---|\n\
             | `Bucket` | path | enforced |\n| `Thing` | body | enforced |\n\
             | `Thing.Colour` | element `Colour` | fixed: red |\n\
             | `Thing.Parts` | element `Parts` | refused |\n\
             | `Thing.Parts.Name` | element `Name` | refused |\n"
        );
    }

    #[test]
    fn rules_for_all_stand_before_the_operations() {
        let rules = ["Hats are refused.".to_owned()];
        let page = ServiceTables { rules: &rules, ..tables(FULL) }.document().unwrap();
        let place = page.find("\n## What is no member of an operation\n\n- Hats are refused.\n");
        assert!(place.is_some_and(|place| Some(place) < page.find("\n## PutThing\n")), "{page}");
    }

    #[test]
    fn every_member_of_what_is_built_is_listed_once() {
        let (operation, member) = ("PutThing".to_owned(), "Thing.Parts".to_owned());
        let refused = tables(&[FULL[0], FULL[1], FULL[2]]).check();
        assert_eq!(refused, Err(DocumentError::Unlisted { operation: operation.clone(), member }));
        let refused = tables(&[FULL[0], FULL[0]]).check();
        let member = "Bucket".to_owned();
        assert_eq!(refused, Err(DocumentError::Duplicate { operation: operation.clone(), member }));
        let refused = tables(&[("PutThing", "Size", Disposition::Refused)]).check();
        let member = "Size".to_owned();
        assert_eq!(refused, Err(DocumentError::UnknownMember { operation, member }));
        let refused = tables(&[("Fly", "Size", Disposition::Refused)]).check();
        let operation = "Fly".to_owned();
        assert_eq!(refused, Err(DocumentError::UnknownOperation { operation }));
    }
}
