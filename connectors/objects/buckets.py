"""Buckets: their own paged listings, which come in key order, and reads of the very version that was listed."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from functools import partial
from typing import Any

from gossip.connectors.objects.entries import STRONG, Entry, version_of
from gossip.connectors.objects.failures import NotThereError
from gossip.connectors.objects.stores import Store

PAGE_KEYS = 1000
"""The most that S3 gives at once."""


class BucketStore(Store):
    """A bucket and a prefix. The prefix is a folder, or one object."""

    def entries(self) -> Iterator[Entry]:
        """Page after page; one is in memory at a time."""
        bucket, prefix = self._parts()
        if not bucket:
            raise NotThereError(f"{self.place.shown}: name a bucket")
        folder = f"{prefix}/" if prefix else ""
        empty = True
        for key, size, version in self._pages(bucket, folder):
            empty = False
            if not (key.endswith("/") and size == 0):  # what consoles make to show an empty folder
                yield Entry(key[len(folder) :], size, version)
        if empty and prefix:
            yield self._one()

    def _one(self) -> Entry:
        """The object that the prefix names itself."""
        info = self.ask("", lambda: self.fs.info(self.root))
        if info.get("type") == "directory":
            raise NotThereError(f"{self.place.shown}: nothing there; check the name")
        return Entry("", int(info.get("size") or 0), version_of(info))

    def _parts(self) -> tuple[str, str]:
        """Bucket, and prefix without a slash at its end."""
        bucket, _, prefix = self.root.partition("/")
        return bucket, prefix

    def _named(self, key: str) -> tuple[str, str]:
        bucket, prefix = self._parts()
        return bucket, "/".join(part for part in (prefix, key) if part)

    @abstractmethod
    def _pages(self, bucket: str, prefix: str) -> Iterator[tuple[str, int, str]]:
        """Name, size and version of each object whose name begins so, in their order."""


class S3Store(BucketStore):
    """`s3://`, of any provider."""

    def _connect(self) -> tuple[Any, str]:
        from fsspec.core import split_protocol

        fs, _ = super()._connect()
        fs.retries = 1  # ours know permits and deadlines
        # A key may hold what fsspec takes for a pattern or a version.
        return fs, split_protocol(self.place.url)[1].rstrip("/")

    def _pages(self, bucket: str, prefix: str) -> Iterator[tuple[str, int, str]]:
        more: dict[str, Any] = {}
        while True:
            page = self.ask(
                "",
                partial(self.fs.call_s3, "list_objects_v2", Bucket=bucket, Prefix=prefix, MaxKeys=PAGE_KEYS, **more),
            )
            for found in page.get("Contents", ()):
                yield found["Key"], int(found["Size"]), version_of(found)
            if not page.get("IsTruncated") or not page.get("NextContinuationToken"):
                return
            more = {"ContinuationToken": page["NextContinuationToken"]}

    def _head(self, bucket: str, key: str) -> Any:
        return self.fs.call_s3("head_object", Bucket=bucket, Key=key)

    def _one(self) -> Entry:
        bucket, key = self._parts()
        found = self.ask("", lambda: self._head(bucket, key))
        return Entry("", int(found["ContentLength"]), version_of({"ETag": found.get("ETag")}))

    def info(self, key: str) -> Entry:
        """What the bucket tells of an object now."""
        bucket, name = self._named(key)
        found = self.ask(key, lambda: self._head(bucket, name), listed=True)
        # A listing has no version ids, and what is compared must be the same.
        return Entry(key, int(found["ContentLength"]), version_of({"ETag": found.get("ETag")}))

    def _get(self, entry: Entry, start: int, end: int | None) -> bytes:
        from fsspec.asyn import sync

        bucket, key = self._named(entry.key)
        asked: dict[str, Any] = {"Bucket": bucket, "Key": key}
        if start or end != entry.size:
            asked["Range"] = f"bytes={start}-" if end is None else f"bytes={start}-{end - 1}"
        if entry.version.startswith(f'{STRONG}"'):
            asked["IfMatch"] = entry.version[len(STRONG) :]
        data: bytes = sync(self.fs.loop, self._body, asked)
        return data

    async def _body(self, asked: dict[str, Any]) -> bytes:
        answer = await self.fs._call_s3("get_object", **asked)  # noqa: SLF001 - the public form gives a body for another thread
        async with answer["Body"] as body:
            data: bytes = await body.read()
        return data


class GcsStore(BucketStore):
    """`gs://`."""

    def _pages(self, bucket: str, prefix: str) -> Iterator[tuple[str, int, str]]:
        token = None
        while True:
            page = self.ask(
                "",
                partial(
                    self.fs.call,
                    "GET",
                    "b/{}/o",
                    bucket,
                    prefix=prefix,
                    pageToken=token,
                    maxResults=PAGE_KEYS,
                    fields="items(name,size,etag,generation),nextPageToken",
                    json_out=True,
                ),
            )
            for found in page.get("items", ()):
                yield found["name"], int(found["size"]), version_of(found)
            token = page.get("nextPageToken")
            if not token:
                return

    def _get(self, entry: Entry, start: int, end: int | None) -> bytes:
        """Of that very generation: another one is no answer."""
        name = self.full(entry.key)
        data: bytes = self.fs.cat_file(name, start=start, end=end, generation=entry.version[len(STRONG) :] or None)
        return data


class AzureStore(BucketStore):
    """`az://`, `abfs://`."""

    def _pages(self, bucket: str, prefix: str) -> Iterator[tuple[str, int, str]]:
        from fsspec.asyn import sync

        async def page_after(token: str | None) -> tuple[list[Any], str | None]:
            async with self.fs.service_client.get_container_client(container=bucket) as container:
                pages = container.list_blobs(name_starts_with=prefix or None, results_per_page=PAGE_KEYS)
                pager = pages.by_page(continuation_token=token)
                async for page in pager:
                    return [blob async for blob in page], pager.continuation_token
                return [], None

        token: str | None = None
        while True:
            blobs, token = self.ask("", partial(sync, self.fs.loop, page_after, token))
            for blob in blobs:
                yield blob["name"], int(blob["size"]), version_of({"etag": blob["etag"]})
            if not token:
                return
