# Two stages: the virtual environment is built from locked, hash-checked wheels, and only it is copied.
# Whoever has an index or a certificate authority of their own hands them over at build time, and nothing of it stays:
#   docker build --secret id=pip.conf,src=pip.conf .
FROM docker.io/library/python:3.11-slim-bookworm AS base

FROM base AS build
WORKDIR /source
ENV PATH=/opt/outage-exporter/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY deploy/lock deploy/lock
# What builds the package is locked like what runs it, and leaves the environment again. So do CEL's extensions, which
# blackbox_exporter does not have either: they are 36 MB.
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    python3 -m venv /opt/outage-exporter \
    && sed -n '/^setuptools==/,/# via/p' deploy/lock/dev.txt > build.txt \
    && pip install --require-hashes -r deploy/lock/runtime.txt -r build.txt \
    && rm -r /opt/outage-exporter/lib/python3.*/site-packages/cel_expr_python/ext
COPY pyproject.toml README.md LICENSE ./
COPY exporter exporter
RUN pip install --no-deps --no-build-isolation --no-index . \
    && pip uninstall --yes setuptools pip

FROM base
LABEL org.opencontainers.image.title="outage-exporter" \
      org.opencontainers.image.description="Is TikTok down? A Prometheus exporter that answers per feature and region." \
      org.opencontainers.image.source="https://github.com/outage-exporter/outage-exporter" \
      org.opencontainers.image.licenses="Apache-2.0"
# A new volume takes over the folder's owner.
RUN install -d -o 65532 -g 65532 /data
COPY --from=build /opt/outage-exporter /opt/outage-exporter
# The root is read-only, so Python must not try to keep what it compiles; all of it is compiled already.
ENV PATH=/opt/outage-exporter/bin:$PATH PYTHONDONTWRITEBYTECODE=1
# A number, because Kubernetes can tell of no name whether it is root.
USER 65532:65532
VOLUME /data
# For operators and Prometheus; the second for people, once --web.public-address=:19721 is given.
EXPOSE 19720 19721
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s CMD ["outage-exporter", "healthcheck"]
ENTRYPOINT ["outage-exporter"]
CMD ["run", "--data.dir=/data", "--log.format=json"]
