"""The same without pytest: the fake is entered by hand."""

import unittest

import ship

from deploykit.testing import Fake


class Shipping(unittest.TestCase):
    def setUp(self):
        self.fake = self.enterContext(Fake())

    def test_a_crash_brings_the_old_release_back(self):
        self.fake.serving("main-xyz789")
        self.fake.release("main-abc123").crashes(after=3, exit_code=1, log="ImportError: courts")
        self.assertEqual(ship.ship("main-abc123"), 1)
        self.fake.assert_serving("main-xyz789")

    def test_the_story_explains_a_failed_assertion(self):
        ship.ship("main-abc123")
        with self.assertRaisesRegex(AssertionError, "checking → healthy"):
            self.fake.last.assert_went("rolling_back", "rolled_back")
