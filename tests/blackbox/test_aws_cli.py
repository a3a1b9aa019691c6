"""The unmodified AWS CLI: the commands that the README promises."""

import filecmp
import uuid


def test_make_copy_list_sync_and_remove(aws, tmp_path):
    bucket = f"s3://cli-{uuid.uuid4().hex[:12]}"
    aws("s3", "mb", bucket)
    assert bucket.removeprefix("s3://") in aws("s3", "ls")

    small = tmp_path / "small.txt"
    small.write_text("hello world\n")
    large = tmp_path / "large.bin"
    large.write_bytes(bytes(range(256)) * (20 * 4096))  # 20 MiB: the CLI uploads it in parts
    for file in (small, large):
        aws("s3", "cp", file, f"{bucket}/in/{file.name}")
        aws("s3", "cp", f"{bucket}/in/{file.name}", tmp_path / f"back-{file.name}")
        assert filecmp.cmp(file, tmp_path / f"back-{file.name}", shallow=False)
    listed = aws("s3", "ls", f"{bucket}/in/")
    assert "small.txt" in listed and "20971520 large.bin" in listed

    tree = tmp_path / "tree"
    for number in range(40):
        file = tree / f"d{number % 5}" / f"f {number} ü+%.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"content of {number}" * number)
    aws("s3", "sync", tree, f"{bucket}/tree")
    assert aws("s3", "sync", tree, f"{bucket}/tree") == "", "a second sync has nothing to do"
    aws("s3", "sync", f"{bucket}/tree", tmp_path / "tree-back")
    compared = filecmp.dircmp(tree, tmp_path / "tree-back")
    assert not compared.left_only and not compared.right_only
    for number in range(40):
        name = f"d{number % 5}/f {number} ü+%.txt"
        assert (tmp_path / "tree-back" / name).read_text() == f"content of {number}" * number

    assert "BucketNotEmpty" in aws("s3", "rb", bucket, code=1)
    aws("s3", "mv", f"{bucket}/in/small.txt", f"{bucket}/moved.txt")
    aws("s3", "rm", f"{bucket}/in/", "--recursive")
    aws("s3", "rb", bucket, "--force")
    assert bucket.removeprefix("s3://") not in aws("s3", "ls")


def test_refusals_are_told_in_the_words_of_aws(aws):
    assert "NoSuchBucket" in aws("s3", "ls", "s3://no-such-bucket-here", code=255)
    name = f"cli-{uuid.uuid4().hex[:12]}"
    aws("s3api", "create-bucket", "--bucket", name)
    assert "BucketAlreadyOwnedByYou" in aws("s3api", "create-bucket", "--bucket", name, code=255)
    assert "NoSuchWebsiteConfiguration" in aws("s3api", "get-bucket-website", "--bucket", name, code=255)
    accelerate = ("--accelerate-configuration", "Status=Enabled")
    refusal = aws("s3api", "put-bucket-accelerate-configuration", "--bucket", name, *accelerate, code=255)
    assert "NotImplemented" in refusal
    assert "404" in aws("s3api", "head-object", "--bucket", name, "--key", "none", code=255)
    aws("s3api", "delete-bucket", "--bucket", name)
