# Two stages: the virtual environment is built from locked, hash-checked wheels and only it is copied.
FROM python:3.11-slim-bookworm AS build
WORKDIR /source
RUN python -m venv /opt/outage-exporter
COPY deploy/lock/runtime.txt deploy/lock/runtime.txt
RUN /opt/outage-exporter/bin/pip install --no-cache-dir --require-hashes -r deploy/lock/runtime.txt
COPY pyproject.toml README.md LICENSE ./
COPY exporter exporter
RUN /opt/outage-exporter/bin/pip install --no-cache-dir --no-deps .

FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="outage-exporter" \
      org.opencontainers.image.description="Is TikTok down? A Prometheus exporter that answers per feature and region." \
      org.opencontainers.image.licenses="Apache-2.0"
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/* \
    && install -d -o 65532 -g 65532 /data
COPY --from=build /opt/outage-exporter /opt/outage-exporter
ENV PATH=/opt/outage-exporter/bin:$PATH PYTHONDONTWRITEBYTECODE=1
USER 65532
VOLUME /data
EXPOSE 19720
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD ["outage-exporter", "healthcheck"]
ENTRYPOINT ["outage-exporter"]
CMD ["run", "--data.dir=/data", "--log.format=json"]
