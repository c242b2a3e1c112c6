"""What the database of the replayed service decides, as it does under Glance; the recordings are SQLite's."""
import os
import time

# A column of MySQL's times has no fraction, and images of one second are in the order of their ids.
NAME = os.environ.get('GLANCE_TEST_DATABASE', 'sqlite').partition(':')[0].partition('+')[0]
WHOLE_SECONDS = NAME == 'mysql'
# Most of a replay is then waiting.
JOBS = 8 if WHOLE_SECONDS else 2


def orders_images(recording):
    """Whether an answer lists images, whose order is that of their times."""
    answers = (exchange['response'].get('json') for exchange in recording['exchanges'])
    return any(isinstance(answer, dict) and len(answer.get('images') or []) > 1 for answer in answers)


def let_time_pass():
    """What changes afterwards has a later time than what changed before."""
    second = int(time.time())
    while int(time.time()) == second:
        time.sleep(0.02)
