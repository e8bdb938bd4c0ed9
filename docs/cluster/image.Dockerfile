# The image of both clusters: Ray's own, with popscore. Python and Ray must be the same on every machine, the one that
# starts the batch included.
FROM rayproject/ray:2.60.0-py311-cpu
COPY . /opt/popscore
RUN pip install --no-cache-dir "/opt/popscore[batch]"
