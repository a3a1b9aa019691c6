//! The policies that every account has and none can change: our own words under AWS's names.

/// A policy of AWS's name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct AwsPolicy {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    pub(crate) document: &'static str,
}

impl AwsPolicy {
    pub(crate) fn arn(&self) -> String {
        format!("{ARN_PREFIX}{}", self.name)
    }

    /// The policy of this ARN.
    pub(crate) fn find(arn: &str) -> Option<&'static Self> {
        let name = arn.strip_prefix(ARN_PREFIX)?;
        AWS_POLICIES.iter().find(|policy| policy.name == name)
    }
}

/// SPEC: access-control, 7.
pub(crate) static AWS_POLICIES: [AwsPolicy; 6] = [
    AwsPolicy {
        id: "ANPASTRONGROOMADMIN01",
        name: "AdministratorAccess",
        description: "Allows everything in the account.",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#,
    },
    AwsPolicy {
        id: "ANPASTRONGROOMS3FULL1",
        name: "AmazonS3FullAccess",
        description: "Allows everything in S3.",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#,
    },
    AwsPolicy {
        id: "ANPASTRONGROOMS3READ1",
        name: "AmazonS3ReadOnlyAccess",
        description: "Allows reading and listing in S3.",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:Describe*","s3:Get*","s3:List*"],"Resource":"*"}]}"#,
    },
    AwsPolicy {
        id: "ANPASTRONGROOMIAMFULL",
        name: "IAMFullAccess",
        description: "Allows everything in IAM.",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:*","Resource":"*"}]}"#,
    },
    AwsPolicy {
        id: "ANPASTRONGROOMREADALL",
        name: "ReadOnlyAccess",
        description: "Allows reading everything in the account, the content of objects included.",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["access-analyzer:Get*","access-analyzer:List*","access-analyzer:Validate*","cloudtrail:Describe*","cloudtrail:Get*","cloudtrail:List*","cloudtrail:LookupEvents","cloudwatch:Describe*","cloudwatch:Get*","cloudwatch:List*","config:Describe*","config:Get*","config:List*","ec2:Describe*","guardduty:Get*","guardduty:List*","iam:Generate*","iam:Get*","iam:List*","iam:Simulate*","kms:Describe*","kms:Get*","kms:List*","macie2:Describe*","macie2:Get*","macie2:List*","organizations:Describe*","organizations:List*","s3:Describe*","s3:Get*","s3:List*","securityhub:Describe*","securityhub:Get*","securityhub:List*","sts:GetAccessKeyInfo","sts:GetCallerIdentity"],"Resource":"*"}]}"#,
    },
    AwsPolicy {
        id: "ANPASTRONGROOMAUDIT01",
        name: "SecurityAudit",
        description: "Allows reading how everything in the account is configured, but no content.",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["access-analyzer:Get*","access-analyzer:List*","cloudtrail:Describe*","cloudtrail:Get*","cloudtrail:List*","cloudtrail:LookupEvents","cloudwatch:Describe*","config:Describe*","config:Get*","config:List*","ec2:Describe*","guardduty:Get*","guardduty:List*","iam:Generate*","iam:Get*","iam:List*","iam:Simulate*","kms:Describe*","kms:GetKeyPolicy","kms:GetKeyRotationStatus","kms:List*","macie2:Get*","macie2:List*","organizations:Describe*","organizations:List*","s3:GetAccelerateConfiguration","s3:GetAccessPoint*","s3:GetAccountPublicAccessBlock","s3:GetAnalyticsConfiguration","s3:GetBucket*","s3:GetEncryptionConfiguration","s3:GetInventoryConfiguration","s3:GetLifecycleConfiguration","s3:GetMetricsConfiguration","s3:GetObjectAcl","s3:GetObjectVersionAcl","s3:GetReplicationConfiguration","s3:ListAccessPoints","s3:ListAllMyBuckets","securityhub:Describe*","securityhub:Get*","securityhub:List*","sts:GetAccessKeyInfo"],"Resource":"*"}]}"#,
    },
];

const ARN_PREFIX: &str = "arn:aws:iam::aws:policy/";

#[cfg(test)]
mod tests {
    use strongroom_policy::{Policy, PolicyKind};

    use super::*;

    #[test]
    fn each_is_a_policy_of_its_own() {
        for policy in &AWS_POLICIES {
            assert!(Policy::parse(PolicyKind::Identity, policy.document.as_bytes()).is_ok());
            assert_eq!(AwsPolicy::find(&policy.arn()), Some(policy));
            assert_eq!(policy.id.len(), 21);
            assert_eq!(AWS_POLICIES.iter().filter(|other| other.id == policy.id).count(), 1);
        }
        assert_eq!(AwsPolicy::find("arn:aws:iam::aws:policy/None"), None);
    }
}
