from compiler.autotune.database import Database as Database
from compiler.model_tuner.api import tune as tune
