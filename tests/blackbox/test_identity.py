"""IAM and STS on the same port, with unmodified boto3 and the AWS CLI."""

import datetime
import json
import urllib.error
import urllib.request
import uuid

import boto3
import botocore.config
import pytest
from botocore.exceptions import ClientError

ALLOW_ALL = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
READ = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}]})


def service(name, env, key=None):
    """A client of a service; `key` replaces the credentials of the environment."""
    key = key or {
        "AccessKeyId": env["AWS_ACCESS_KEY_ID"],
        "SecretAccessKey": env["AWS_SECRET_ACCESS_KEY"],
        "SessionToken": env.get("AWS_SESSION_TOKEN"),
    }
    return boto3.client(
        name,
        endpoint_url=env["AWS_ENDPOINT_URL"],
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
        aws_session_token=key.get("SessionToken"),
        region_name=env["AWS_REGION"],
        verify=env.get("AWS_CA_BUNDLE"),
        config=botocore.config.Config(retries={"max_attempts": 0}, parameter_validation=False),
    )


@pytest.fixture
def env(server):
    return server.env()


@pytest.fixture
def iam(env):
    return service("iam", env)


@pytest.fixture
def sts(env):
    return service("sts", env)


def name(kind):
    return f"{kind}-{uuid.uuid4().hex[:12]}"


def refused(code, call, **arguments):
    """The call is refused with this code; gives the status."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    assert caught.value.response["Error"]["Code"] == code, caught.value
    return caught.value.response["ResponseMetadata"]["HTTPStatusCode"]


@pytest.fixture
def user(iam):
    made = iam.create_user(UserName=name("user"))["User"]
    yield made["UserName"]
    remove_user(iam, made["UserName"])


def remove_user(iam, user):
    """As Terraform removes a user with everything that hangs on it."""
    if not any(found["UserName"] == user for found in iam.list_users(MaxItems=1000)["Users"]):
        return
    for group in iam.list_groups_for_user(UserName=user)["Groups"]:
        iam.remove_user_from_group(GroupName=group["GroupName"], UserName=user)
    for key in iam.list_access_keys(UserName=user)["AccessKeyMetadata"]:
        iam.delete_access_key(UserName=user, AccessKeyId=key["AccessKeyId"])
    for listing, kind in ((iam.list_mfa_devices, "MFADevices"), (iam.list_ssh_public_keys, "SSHPublicKeys"),
                          (iam.list_signing_certificates, "Certificates"),
                          (iam.list_service_specific_credentials, "ServiceSpecificCredentials")):
        assert listing(UserName=user).get(kind, []) == []
    assert refused("NoSuchEntity", iam.delete_login_profile, UserName=user) == 404
    for policy in iam.list_attached_user_policies(UserName=user)["AttachedPolicies"]:
        iam.detach_user_policy(UserName=user, PolicyArn=policy["PolicyArn"])
    for policy in iam.list_user_policies(UserName=user)["PolicyNames"]:
        iam.delete_user_policy(UserName=user, PolicyName=policy)
    iam.delete_user(UserName=user)


def trust(principal):
    statement = {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_callers_learn_who_they_are(env, iam, sts, user):
    account = sts.get_caller_identity()["Account"]
    assert sts.get_caller_identity()["Arn"] == f"arn:aws:iam::{account}:root"
    key = iam.create_access_key(UserName=user)["AccessKey"]
    identity = service("sts", env, key).get_caller_identity()
    assert identity["Arn"] == f"arn:aws:iam::{account}:user/{user}"
    assert identity["UserId"] == iam.get_user(UserName=user)["User"]["UserId"]
    token = service("sts", env, key).get_session_token(DurationSeconds=900)["Credentials"]
    assert service("sts", env, token).get_caller_identity() ["Arn"] == identity["Arn"]
    assert token["AccessKeyId"].startswith("ASIA")
    left = token["Expiration"] - datetime.datetime.now(datetime.timezone.utc)
    assert 800 < left.total_seconds() <= 901
    assert sts.get_access_key_info(AccessKeyId=key["AccessKeyId"])["Account"] == account
    url = service("sts", env, key).generate_presigned_url("get_caller_identity", HttpMethod="GET")
    assert user in urllib.request.urlopen(url).read().decode()
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(url.replace("GetCallerIdentity", "GetSessionToken"))


def test_nothing_is_allowed_to_users_without_policies(env, iam, user):
    key = iam.create_access_key(UserName=user)["AccessKey"]
    for call in (service("iam", env, key).list_users, service("s3", env, key).list_buckets):
        assert refused("AccessDenied", call) == 403


def test_sessions_end_with_their_user_and_their_time(env, iam, sts, user):
    key = iam.create_access_key(UserName=user)["AccessKey"]
    token = service("sts", env, key).get_session_token()["Credentials"]
    # SPEC: access-control, 6: these credentials call nothing of IAM, and get no others.
    assert refused("AccessDenied", service("iam", env, token).list_users) == 403
    assert refused("AccessDenied", service("sts", env, token).get_session_token) == 403
    for duration in (899, 129601):
        assert refused("ValidationError", service("sts", env, key).get_session_token, DurationSeconds=duration) == 400
    # A token of another key, and one that is changed.
    other = service("sts", env, key).get_session_token()["Credentials"]
    forged = dict(token, SessionToken=other["SessionToken"])
    assert refused("InvalidClientTokenId", service("sts", env, forged).get_caller_identity) == 403
    forged = dict(token, SessionToken=token["SessionToken"][:-1] + ("A" if token["SessionToken"][-1] != "A" else "B"))
    assert refused("InvalidClientTokenId", service("sts", env, forged).get_caller_identity) == 403
    assert refused("InvalidClientTokenId", service("sts", env, dict(token, SessionToken=None)).get_caller_identity) == 403
    remove_user(iam, user)
    assert refused("ExpiredToken", service("sts", env, token).get_caller_identity) == 403
    assert refused("InvalidClientTokenId", service("sts", env, key).get_caller_identity) == 403
    # A new user of the name is another user.
    iam.create_user(UserName=user)
    assert refused("ExpiredToken", service("sts", env, token).get_caller_identity) == 403


def test_policies_give_users_what_they_say_on_the_next_request(env, iam, user):
    key = iam.create_access_key(UserName=user)["AccessKey"]
    s3 = service("s3", env, key)
    assert refused("AccessDenied", s3.list_buckets) == 403
    admin = "arn:aws:iam::aws:policy/AdministratorAccess"
    iam.attach_user_policy(UserName=user, PolicyArn=admin)
    s3.list_buckets()
    # Not yet what needs to know which identities a request names: nobody but the root may do that.
    assert refused("AccessDenied", service("iam", env, key).list_users) == 403
    iam.put_user_permissions_boundary(UserName=user, PermissionsBoundary="arn:aws:iam::aws:policy/IAMFullAccess")
    assert refused("AccessDenied", s3.list_buckets) == 403
    iam.delete_user_permissions_boundary(UserName=user)
    s3.list_buckets()
    deny = ALLOW_ALL.replace("Allow", "Deny").replace('"*", "Resource"', '"s3:ListAllMyBuckets", "Resource"')
    iam.put_user_policy(UserName=user, PolicyName="deny", PolicyDocument=deny)
    assert refused("AccessDenied", s3.list_buckets) == 403
    iam.delete_user_policy(UserName=user, PolicyName="deny")
    s3.list_buckets()
    iam.detach_user_policy(UserName=user, PolicyArn=admin)
    group = name("group")
    iam.create_group(GroupName=group)
    iam.attach_group_policy(GroupName=group, PolicyArn="arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess")
    assert refused("AccessDenied", s3.list_buckets) == 403
    iam.add_user_to_group(GroupName=group, UserName=user)
    s3.list_buckets()
    iam.remove_user_from_group(GroupName=group, UserName=user)
    assert refused("AccessDenied", s3.list_buckets) == 403
    iam.detach_group_policy(GroupName=group, PolicyArn="arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess")
    iam.delete_group(GroupName=group)


def test_federated_users_may_do_what_their_session_allows(env, iam, server):
    # The root's long-term key: the operator's session gets no others.
    other = server.account(name("account"))
    sts = service("sts", env, other)
    allow = ALLOW_ALL.replace('"*", "Resource"', '"s3:ListAllMyBuckets", "Resource"')
    made = sts.get_federation_token(Name="bob", Policy=allow, Tags=[{"Key": "k", "Value": "v"}])
    assert made["FederatedUser"]["Arn"] == f"arn:aws:sts::{other['AccountId']}:federated-user/bob"
    assert 0 < made["PackedPolicySize"] < 100
    token = made["Credentials"]
    assert service("sts", env, token).get_caller_identity()["UserId"] == f"{other['AccountId']}:bob"
    service("s3", env, token).list_buckets()
    assert refused("AccessDenied", service("s3", env, token).create_bucket, Bucket=name("b")) == 403
    assert refused("AccessDenied", service("iam", env, token).list_users) == 403
    assert refused("AccessDenied", service("sts", env, token).get_session_token) == 403
    nothing = sts.get_federation_token(Name="bob")["Credentials"]
    assert refused("AccessDenied", service("s3", env, nothing).list_buckets) == 403
    by_arn = sts.get_federation_token(Name="bob", PolicyArns=[{"arn": "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"}])
    service("s3", env, by_arn["Credentials"]).list_buckets()
    assert refused("ValidationError", sts.get_federation_token, Name="b") == 400
    assert refused("MalformedPolicyDocument", sts.get_federation_token, Name="bob", Policy="{}") == 400
    many = [{"arn": "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"}] * 11
    assert refused("ValidationError", sts.get_federation_token, Name="bob", PolicyArns=many) == 400
    tags = [{"Key": f"k{number}", "Value": "v" * 256} for number in range(50)]
    assert refused("PackedPolicyTooLarge", sts.get_federation_token, Name="bob", Tags=tags) == 400


def test_users_live_and_die_in_order(iam, user):
    assert refused("EntityAlreadyExists", iam.create_user, UserName=user.upper()) == 409
    found = iam.get_user(UserName=user.upper())["User"]
    assert found["UserName"] == user and found["Path"] == "/" and found["UserId"].startswith("AIDA")
    iam.tag_user(UserName=user, Tags=[{"Key": "Team", "Value": "ä <&> b".replace("<&>", "+")}])
    iam.tag_user(UserName=user, Tags=[{"Key": "team", "Value": "new"}])
    assert iam.list_user_tags(UserName=user)["Tags"] == [{"Key": "team", "Value": "new"}]
    iam.untag_user(UserName=user, TagKeys=["TEAM"])
    assert iam.list_user_tags(UserName=user)["Tags"] == []
    iam.attach_user_policy(UserName=user, PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")
    iam.put_user_policy(UserName=user, PolicyName="p", PolicyDocument=READ)
    assert iam.get_user_policy(UserName=user, PolicyName="p")["PolicyDocument"] == json.loads(READ)
    key = iam.create_access_key(UserName=user)["AccessKey"]
    for undo, arguments in (
        (iam.detach_user_policy, {"PolicyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}),
        (iam.delete_user_policy, {"PolicyName": "p"}),
        (iam.delete_access_key, {"AccessKeyId": key["AccessKeyId"]}),
    ):
        assert refused("DeleteConflict", iam.delete_user, UserName=user) == 409
        undo(UserName=user, **arguments)
        assert refused("NoSuchEntity", undo, UserName=user, **arguments) == 404
    renamed = name("renamed")
    iam.update_user(UserName=user, NewUserName=renamed, NewPath="/team/")
    assert refused("NoSuchEntity", iam.get_user, UserName=user) == 404
    moved = iam.get_user(UserName=renamed)["User"]
    assert moved["UserId"] == found["UserId"] and moved["Arn"].endswith(f":user/team/{renamed}")
    assert [u["UserName"] for u in iam.list_users(PathPrefix="/team/")["Users"]] == [renamed]
    iam.update_user(UserName=renamed, NewUserName=user)


def test_access_keys_are_two_and_can_be_turned_off(env, iam, user):
    one, two = (iam.create_access_key(UserName=user)["AccessKey"] for _ in range(2))
    assert refused("LimitExceeded", iam.create_access_key, UserName=user) == 409
    as_one = service("sts", env, one)
    as_one.get_caller_identity()
    used = iam.get_access_key_last_used(AccessKeyId=one["AccessKeyId"])
    assert used["UserName"] == user and used["AccessKeyLastUsed"]["ServiceName"] == "sts"
    unused = iam.get_access_key_last_used(AccessKeyId=two["AccessKeyId"])
    assert unused["AccessKeyLastUsed"]["ServiceName"] == "N/A"
    iam.update_access_key(UserName=user, AccessKeyId=one["AccessKeyId"], Status="Inactive")
    assert refused("InvalidClientTokenId", as_one.get_caller_identity) == 403
    iam.update_access_key(UserName=user, AccessKeyId=one["AccessKeyId"], Status="Active")
    as_one.get_caller_identity()
    iam.delete_access_key(UserName=user, AccessKeyId=one["AccessKeyId"])
    assert refused("InvalidClientTokenId", as_one.get_caller_identity) == 403
    other = name("other")
    iam.create_user(UserName=other)
    assert refused("NoSuchEntity", iam.delete_access_key, UserName=other, AccessKeyId=two["AccessKeyId"]) == 404
    iam.delete_user(UserName=other)


def test_groups_have_members(iam, user):
    group = name("group")
    iam.create_group(GroupName=group)
    iam.add_user_to_group(GroupName=group, UserName=user)
    iam.add_user_to_group(GroupName=group, UserName=user)
    assert [u["UserName"] for u in iam.get_group(GroupName=group)["Users"]] == [user]
    assert [g["GroupName"] for g in iam.list_groups_for_user(UserName=user)["Groups"]] == [group]
    assert refused("DeleteConflict", iam.delete_group, GroupName=group) == 409
    assert refused("DeleteConflict", iam.delete_user, UserName=user) == 409
    iam.remove_user_from_group(GroupName=group, UserName=user)
    assert refused("NoSuchEntity", iam.remove_user_from_group, GroupName=group, UserName=user) == 404
    iam.delete_group(GroupName=group)


def test_policies_have_versions_that_are_never_used_again(iam, user):
    policy = iam.create_policy(PolicyName=name("policy"), PolicyDocument=READ, Path="/a/b/")["Policy"]
    arn = policy["Arn"]
    assert policy["DefaultVersionId"] == "v1" and "/a/b/" in arn
    for number in range(2, 6):
        made = iam.create_policy_version(PolicyArn=arn, PolicyDocument=ALLOW_ALL, SetAsDefault=number == 3)
        assert made["PolicyVersion"]["VersionId"] == f"v{number}"
    assert refused("LimitExceeded", iam.create_policy_version, PolicyArn=arn, PolicyDocument=READ) == 409
    assert refused("DeleteConflict", iam.delete_policy_version, PolicyArn=arn, VersionId="v3") == 409
    iam.delete_policy_version(PolicyArn=arn, VersionId="v5")
    assert iam.create_policy_version(PolicyArn=arn, PolicyDocument=READ)["PolicyVersion"]["VersionId"] == "v6"
    assert refused("NoSuchEntity", iam.get_policy_version, PolicyArn=arn, VersionId="v5") == 404
    versions = [v["VersionId"] for v in iam.list_policy_versions(PolicyArn=arn)["Versions"]]
    assert versions == ["v6", "v4", "v3", "v2", "v1"]
    assert iam.get_policy_version(PolicyArn=arn, VersionId="v6")["PolicyVersion"]["Document"] == json.loads(READ)
    iam.attach_user_policy(UserName=user, PolicyArn=arn)
    assert iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"] == 1
    assert [u["UserName"] for u in iam.list_entities_for_policy(PolicyArn=arn)["PolicyUsers"]] == [user]
    assert refused("DeleteConflict", iam.delete_policy, PolicyArn=arn) == 409
    iam.detach_user_policy(UserName=user, PolicyArn=arn)
    for version in ("v1", "v2", "v4", "v6"):
        assert refused("DeleteConflict", iam.delete_policy, PolicyArn=arn) == 409
        iam.delete_policy_version(PolicyArn=arn, VersionId=version)
    iam.delete_policy(PolicyArn=arn)
    assert refused("NoSuchEntity", iam.get_policy, PolicyArn=arn) == 404


def test_policies_of_the_account_are_limited_and_those_of_aws_are_not_changed(iam, user):
    arns = [p["Arn"] for p in iam.list_policies(Scope="AWS")["Policies"]]
    names = {"AdministratorAccess", "ReadOnlyAccess", "SecurityAudit", "AmazonS3FullAccess", "AmazonS3ReadOnlyAccess",
             "IAMFullAccess"}
    assert {arn.rsplit("/", 1)[1] for arn in arns} == names
    assert refused("AccessDenied", iam.create_policy_version, PolicyArn=arns[0], PolicyDocument=READ) == 403
    assert refused("AccessDenied", iam.delete_policy, PolicyArn=arns[0]) == 403
    assert refused("NoSuchEntity", iam.attach_user_policy, UserName=user, PolicyArn=arns[0] + "x") == 404
    assert refused("InvalidInput", iam.attach_user_policy, UserName=user, PolicyArn="x" * 20) == 400
    foreign = "arn:aws:iam::999999999999:policy/p"
    assert refused("NoSuchEntity", iam.attach_user_policy, UserName=user, PolicyArn=foreign) == 404
    for number in range(10):
        made = iam.create_policy(PolicyName=f"{user}-{number}", PolicyDocument=READ)["Policy"]
        iam.attach_user_policy(UserName=user, PolicyArn=made["Arn"])
    assert refused("LimitExceeded", iam.attach_user_policy, UserName=user, PolicyArn=arns[0]) == 409
    for policy in iam.list_attached_user_policies(UserName=user)["AttachedPolicies"]:
        iam.detach_user_policy(UserName=user, PolicyArn=policy["PolicyArn"])
        iam.delete_policy(PolicyArn=policy["PolicyArn"])
    for broken in ("x", "{}", '{"Statement":[]}', ALLOW_ALL.replace("Resource", "Rescource"),
                   ALLOW_ALL.replace('"Effect"', '"Principal": "*", "Effect"')):
        assert refused("MalformedPolicyDocument", iam.put_user_policy, UserName=user, PolicyName="p",
                       PolicyDocument=broken) == 400
    large = ALLOW_ALL.replace('"Action": "*"', '"Action": ' + json.dumps([f"s3:Get{n:04}" for n in range(200)]))
    assert refused("LimitExceeded", iam.put_user_policy, UserName=user, PolicyName="p", PolicyDocument=large) == 409
    assert iam.list_user_policies(UserName=user)["PolicyNames"] == []


def test_roles_have_trust_boundaries_and_limits(env, iam, sts, user):
    account = sts.get_caller_identity()["Account"]
    arn = f"arn:aws:iam::{account}:user/{user}"
    role = name("role")
    made = iam.create_role(RoleName=role, AssumeRolePolicyDocument=trust(arn), Description="d", MaxSessionDuration=7200,
                           PermissionsBoundary="arn:aws:iam::aws:policy/ReadOnlyAccess",
                           Tags=[{"Key": "k", "Value": "v"}])["Role"]
    assert made["RoleId"].startswith("AROA") and made["MaxSessionDuration"] == 7200
    found = iam.get_role(RoleName=role)["Role"]
    assert found["AssumeRolePolicyDocument"] == json.loads(trust(arn))
    assert found["PermissionsBoundary"]["PermissionsBoundaryArn"].endswith("ReadOnlyAccess")
    # SPEC: access-control, 1.2: who is deleted shows as an id, and a new one of the name is not meant.
    user_id = iam.get_user(UserName=user)["User"]["UserId"]
    remove_user(iam, user)
    iam.create_user(UserName=user)
    shown = iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
    assert shown["Statement"][0]["Principal"]["AWS"] == user_id
    for bad in (trust(f"arn:aws:iam::{account}:user/none"), trust("999999999999"), trust(user_id), READ):
        assert refused("MalformedPolicyDocument", iam.update_assume_role_policy, RoleName=role, PolicyDocument=bad) == 400
    iam.update_assume_role_policy(RoleName=role, PolicyDocument=trust(account))
    shown = iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
    assert shown["Statement"][0]["Principal"]["AWS"] == f"arn:aws:iam::{account}:root"
    for duration in (3599, 43201):
        assert refused("ValidationError", iam.update_role, RoleName=role, MaxSessionDuration=duration) == 400
    iam.delete_role_permissions_boundary(RoleName=role)
    assert refused("NoSuchEntity", iam.delete_role_permissions_boundary, RoleName=role) == 404
    assert iam.list_instance_profiles_for_role(RoleName=role)["InstanceProfiles"] == []
    iam.delete_role(RoleName=role)


def test_lists_are_paged(iam):
    names = sorted(name("page") for _ in range(5))
    for user in names:
        iam.create_user(UserName=user, Path="/pages/")
    pages = list(iam.get_paginator("list_users").paginate(PathPrefix="/pages/", PaginationConfig={"PageSize": 2}))
    assert [len(page["Users"]) for page in pages] == [2, 2, 1]
    assert [user["UserName"] for page in pages for user in page["Users"]] == names
    details = iam.get_paginator("get_account_authorization_details").paginate(PaginationConfig={"PageSize": 1})
    found = [user["UserName"] for page in details for user in page["UserDetailList"]]
    assert [user for user in found if user in names] == names and len(found) == len(set(found))
    for bad in (0, 1001):
        assert refused("ValidationError", iam.list_users, MaxItems=bad) == 400
    assert refused("InvalidInput", iam.list_users, Marker="?") == 400
    summary = iam.get_account_summary()["SummaryMap"]
    assert summary["Users"] >= 5 and summary["UsersQuota"] == 5000
    for user in names:
        iam.delete_user(UserName=user)


def test_values_cannot_break_out(iam, user):
    for bad in ("a/b", "a<b>", "a&b", 'a"b', "a\nb", "ä", "a b", "../x", "a" * 65):
        assert refused("ValidationError", iam.create_user, UserName=bad) == 400
    for bad in ("x", "/x", "/x y/", "/x\n/", "/<x>/".replace("<", "\x7f")):
        assert refused("ValidationError", iam.create_user, UserName=name("u"), Path=bad) == 400
    for key, value in (("a<b", "v"), ("k", "]]>"), ("aws:x", "v"), ("k", "\x01")):
        assert refused("ValidationError", iam.tag_user, UserName=user, Tags=[{"Key": key, "Value": value}]) == 400
    many = [{"Key": f"k{number}", "Value": "v"} for number in range(51)]
    assert refused("LimitExceeded", iam.tag_user, UserName=user, Tags=many) == 409
    huge = [{"Key": f"k{number}", "Value": "v"} for number in range(600)]
    assert refused("ValidationError", iam.tag_user, UserName=user, Tags=huge) == 400
    # Markup in a path comes back as it was.
    other = name("u")
    made = iam.create_user(UserName=other, Path="/<&\"'>/")["User"]
    assert made["Path"] == "/<&\"'>/" and iam.get_user(UserName=other)["User"] == made
    iam.delete_user(UserName=other)


def test_accounts_do_not_see_each_other(server, env, iam, user):
    other = server.account(name("account"))
    stranger = service("iam", env, other)
    assert stranger.list_users()["Users"] == []
    assert refused("NoSuchEntity", stranger.get_user, UserName=user) == 404
    assert refused("NoSuchEntity", stranger.create_access_key, UserName=user) == 404
    mine = iam.create_access_key(UserName=user)["AccessKey"]["AccessKeyId"]
    assert refused("NoSuchEntity", stranger.get_access_key_last_used, AccessKeyId=mine) == 404
    assert refused("NoSuchEntity", stranger.delete_access_key, UserName=user, AccessKeyId=mine) == 404


def test_what_is_not_built_is_refused(iam, sts, user):
    assert refused("NotImplemented", iam.create_login_profile, UserName=user, Password="x") == 501
    assert refused("NotImplemented", sts.get_session_token, SerialNumber="arn:aws:iam::1:mfa/x", TokenCode="123456") == 501


def test_the_cli_manages_identities(aws):
    user = name("cli")
    assert '"AKIA' in aws("iam", "create-user", "--user-name", user) + aws("iam", "create-access-key", "--user-name", user)
    assert "EntityAlreadyExists" in aws("iam", "create-user", "--user-name", user, code=255)
    assert user in aws("iam", "list-users")
    keys = json.loads(aws("iam", "list-access-keys", "--user-name", user))["AccessKeyMetadata"]
    aws("iam", "delete-access-key", "--user-name", user, "--access-key-id", keys[0]["AccessKeyId"])
    aws("iam", "delete-user", "--user-name", user)
    assert ":root" in aws("sts", "get-caller-identity")
