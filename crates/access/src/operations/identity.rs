//! The questions of IAM and STS: one action, called like the operation.

use strongroom_model::{iam, iam_operations, sts};

use super::{Need, Operands, Resource, When};

macro_rules! operations {
    ($service:ident, $prefix:literal, $($operation:ident),* $(,)?) => {
        $(impl Operands for $service::$operation {
            const NEEDS: &'static [Need] = &[Need {
                action: concat!($prefix, ":", stringify!($operation)),
                resource: Resource::Service,
                when: When::Always,
            }];
        })*
    };
}

macro_rules! all_of_iam {
    ($($operation:ident,)*) => {
        operations!(iam, "iam", $($operation),*);
    };
}

iam_operations!(all_of_iam);

operations!(sts, "sts", AssumeRole, GetAccessKeyInfo, GetFederationToken);

/// No policy can deny it.
impl Operands for sts::GetCallerIdentity {
    const NEEDS: &'static [Need] = &[];
}

/// No policy can deny it; the service takes long-term keys only.
impl Operands for sts::GetSessionToken {
    const NEEDS: &'static [Need] = &[];
}
