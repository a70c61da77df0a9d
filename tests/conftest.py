"""What holds for every test: random cases are the same ones each time, and a slow machine is no failure."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "anywhere", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("anywhere")
