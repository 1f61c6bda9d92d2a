// EXPECT_ERROR(kind, "part of the sentence", expression)
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "converter/core/error.h"

#define EXPECT_ERROR(wanted_kind, part, expression)                                       \
  do {                                                                                    \
    try {                                                                                 \
      expression;                                                                         \
      ADD_FAILURE() << "no Error from " #expression;                                      \
    } catch (const rehost::Error& error) {                                                \
      EXPECT_EQ(rehost::describe(error.kind()).name, rehost::describe(wanted_kind).name)  \
          << error.what();                                                                \
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what(); \
    }                                                                                     \
  } while (false)
