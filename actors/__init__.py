"""The living cluster: Pykka actors as brokers, replicas and coordinators."""
