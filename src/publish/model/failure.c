/*
 * failure.c
 *	  Which errors are worth another try with less data.
 *
 * Any stage; no memory, no locks.
 */
#include "postgres.h"

#include "publish/model/failure.h"

/*
 * Is the error about the data, so that trying less of it makes sense?
 */
bool
oe_about_data(int sqlerrcode)
{
	static const int others[] = {
		ERRCODE_OPERATOR_INTERVENTION, ERRCODE_INSUFFICIENT_RESOURCES, ERRCODE_TRANSACTION_ROLLBACK,
		ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, ERRCODE_SYSTEM_ERROR, ERRCODE_CONFIG_FILE_ERROR
	};

	for (int i = 0; i < lengthof(others); i++)
		if (ERRCODE_TO_CATEGORY(sqlerrcode) == ERRCODE_TO_CATEGORY(others[i]))
			return false;
	return true;
}
