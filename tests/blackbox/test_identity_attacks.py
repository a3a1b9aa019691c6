"""Raw requests of the query protocol, races and crashes."""

import concurrent.futures
import http.client
import re
import urllib.parse

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest
from botocore.exceptions import ClientError

from server import Server
from test_identity import name, refused, service

FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def env(server):
    return server.env()


def post(env, body, scope="iam", method="POST", target="/", content_type=FORM, headers=(), spoil=None):
    """Signs a raw request and sends it; `spoil` changes the body after that."""
    credentials = botocore.credentials.Credentials(
        env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], env.get("AWS_SESSION_TOKEN"))
    given = {"Content-Type": content_type, **dict(headers)} if content_type else dict(headers)
    url = env["AWS_ENDPOINT_URL"] + target
    request = botocore.awsrequest.AWSRequest(method=method, url=url, data=body, headers=given)
    botocore.auth.SigV4Auth(credentials, scope, "us-east-1").add_auth(request)
    host = urllib.parse.urlsplit(env["AWS_ENDPOINT_URL"]).netloc
    connection = http.client.HTTPConnection(host, timeout=20)
    connection.request(method, target, body=spoil if spoil is not None else body, headers=dict(request.headers))
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def code(answer):
    return re.search("<Code>(.*?)</Code>", answer[1]).group(1)


IDENTITY = "Action=GetCallerIdentity&Version=2011-06-15"


def test_answers_have_the_shape_of_their_service(env):
    status, text = post(env, IDENTITY, scope="sts")
    assert status == 200
    assert '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>' in text
    assert re.search(r"</GetCallerIdentityResult><ResponseMetadata><RequestId>[0-9A-F]{16}</RequestId></ResponseMetadata>", text)
    status, text = post(env, "Action=GetUser&Version=2010-05-08&UserName=none")
    assert status == 404
    assert '<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><Error><Type>Sender</Type><Code>NoSuchEntity' in text


def test_the_signature_covers_the_form_and_picks_the_service(env):
    assert code(post(env, IDENTITY, scope="sts", spoil=IDENTITY + "&X=1")) == "SignatureDoesNotMatch"
    assert code(post(env, IDENTITY, scope="iam")) == "InvalidAction"
    assert code(post(env, "Action=ListUsers&Version=2010-05-08", scope="sts")) == "InvalidAction"
    assert code(post(env, "Action=ListUsers&Version=2011-06-15")) == "InvalidAction"
    assert code(post(env, "Action=ListUsers")) == "InvalidAction"
    unsigned = {"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"}
    assert post(env, IDENTITY, scope="sts", headers=unsigned.items())[0] in (400, 403)
    other = {"X-Amz-Content-SHA256": "0" * 64}
    assert post(env, IDENTITY, scope="sts", headers=other.items())[0] in (400, 403)
    # Signed for S3 it is no request to STS, whatever the form says.
    assert post(env, IDENTITY, scope="s3", headers=other.items())[0] >= 400


def test_what_could_be_read_in_two_ways_is_refused(env):
    users = "Action=ListUsers&Version=2010-05-08"
    for body in (users + "&Action=DeleteUser", users + "&MaxItems=1&MaxItems=2", users + "&MaxItems=1&%4daxItems=2",
                 users + "&PathPrefix=/&PathPrefix.member.1=/", users + "&Unknown=1", users + "&MaxItems.member.1=1",
                 "Action=TagUser&Version=2010-05-08&UserName=u&Tags.member.01.Key=k&Tags.member.01.Value=v"):
        assert code(post(env, body)) == "ValidationError", body
    for arguments in ({"target": "/?Action=ListUsers"}, {"target": "/bucket"}, {"content_type": "text/plain"},
                      {"content_type": None}, {"method": "PUT"}):
        assert code(post(env, users, **arguments)) == "ValidationError", arguments
    assert code(post(env, "Action=" + "A" * 100_000 + "&Version=2010-05-08")) == "InvalidAction"
    status, text = post(env, users + "&PathPrefix=/" + "x" * 600_000)
    assert status == 413 and len(text) < 1000
    many = "&".join(f"TagKeys.member.{number}=k" for number in range(1, 2000))
    assert code(post(env, f"Action=UntagUser&Version=2010-05-08&UserName=u&{many}")) == "ValidationError"
    deep = "&" + ".".join(["a"] * 50) + "=1"
    assert code(post(env, users + deep)) == "ValidationError"
    for bad in ("%", "%zz", "%ff", "%00"):
        assert code(post(env, users + "&PathPrefix=" + bad)) == "ValidationError", bad


def attempt(call, **arguments):
    try:
        call(**arguments)
        return "done"
    except ClientError as error:
        return error.response["Error"]["Code"]


def test_races_have_one_winner(env):
    iam = service("iam", env)
    user = name("race")
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        made = list(pool.map(lambda case: attempt(iam.create_user, UserName=case), [user, user.upper()] * 6))
        assert sorted(set(made)) == ["EntityAlreadyExists", "done"] and made.count("done") == 1
        keys = list(pool.map(lambda _: attempt(iam.create_access_key, UserName=user), range(12)))
        assert keys.count("done") == 2 and keys.count("LimitExceeded") == 10
        for key in iam.list_access_keys(UserName=user)["AccessKeyMetadata"]:
            iam.delete_access_key(UserName=user, AccessKeyId=key["AccessKeyId"])
        # One call removes the user, or the other gives it a key: never a key of nobody.
        calls = [lambda: attempt(iam.delete_user, UserName=user), lambda: attempt(iam.create_access_key, UserName=user)]
        outcome = list(pool.map(lambda call: call(), calls))
        assert outcome in (["done", "NoSuchEntity"], ["DeleteConflict", "done"]), outcome


def test_what_was_answered_outlives_a_kill():
    server = Server().start()
    try:
        iam = service("iam", server.env())
        user = name("user")
        iam.create_user(UserName=user)
        key = iam.create_access_key(UserName=user)["AccessKey"]
        gone = iam.create_access_key(UserName=user)["AccessKey"]
        iam.delete_access_key(UserName=user, AccessKeyId=gone["AccessKeyId"])
        token = service("sts", server.env(), key).get_session_token()["Credentials"]
        server.kill()
        server.start()
        env = server.env()
        for who in (key, token):
            assert service("sts", env, who).get_caller_identity()["Arn"].endswith(f":user/{user}")
        assert refused("InvalidClientTokenId", service("sts", env, gone).get_caller_identity) == 403
        secrets = [key["SecretAccessKey"], gone["SecretAccessKey"]]
        for file in server.data.rglob("*"):
            if file.is_file():
                content = file.read_bytes()
                assert not any(secret.encode() in content for secret in secrets), file
    finally:
        server.close()


def test_no_action_answers_who_may_not_call_it(env):
    """Every action of both models, by a user whom all policies allow everything, by their session, and by nobody."""
    iam = service("iam", env)
    user = name("sweep")
    iam.create_user(UserName=user)
    iam.attach_user_policy(UserName=user, PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    key = iam.create_access_key(UserName=user)["AccessKey"]
    session = service("sts", env, key).get_session_token()["Credentials"]
    tried = 0
    for scope in ("iam", "sts"):
        model = service(scope, env).meta.service_model
        for action in model.operation_names:
            body = f"Action={action}&Version={model.api_version}&UserName={user}&RoleName=r&GroupName=g&PolicyArn=p"
            for who in (key, session):
                keys = {"AWS_ENDPOINT_URL": env["AWS_ENDPOINT_URL"], "AWS_ACCESS_KEY_ID": who["AccessKeyId"],
                        "AWS_SECRET_ACCESS_KEY": who["SecretAccessKey"], "AWS_SESSION_TOKEN": who.get("SessionToken")}
                bare = f"Action={action}&Version={model.api_version}"
                for text in (body, bare):
                    status, answer = post(keys, text, scope=scope)
                    allowed = action == "GetCallerIdentity" or (action == "GetSessionToken" and who is key)
                    assert (status == 200) == (allowed and text == bare), (action, status, answer)
                    tried += 1
            host = urllib.parse.urlsplit(env["AWS_ENDPOINT_URL"]).netloc
            connection = http.client.HTTPConnection(host, timeout=20)
            connection.request("POST", "/", body=body, headers={"Content-Type": FORM})
            assert connection.getresponse().status >= 400, action
    assert tried > 700
    iam.delete_access_key(UserName=user, AccessKeyId=key["AccessKeyId"])
    iam.detach_user_policy(UserName=user, PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    iam.delete_user(UserName=user)
