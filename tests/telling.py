"""Runs the stories of a Python file and counts them as the others are counted."""
import sys
import unittest


def tell(name='__main__'):
    """Tells every story of the module, or those named as arguments; exits with 1 if one fails."""
    if len(sys.argv) > 1:
        suite = unittest.defaultTestLoader.loadTestsFromNames(sys.argv[1:], sys.modules[name])
    else:
        suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules[name])
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite)
    failed = len(result.failures) + len(result.errors)
    print('%d passed, %d failed' % (result.testsRun - failed, failed))
    sys.exit(1 if failed else 0)
