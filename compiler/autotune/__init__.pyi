from compiler.autotune.database import Database as Database
from compiler.tuner.api import tune as tune
